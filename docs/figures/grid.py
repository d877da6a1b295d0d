"""Chapter 1: the grid and the cell."""

from figures import scene
from figures.svg import OBJECT_COLOURS, Panel
from yolo3.assign import centre_cells
from yolo3.boxes import xyxy_to_cxcywh


def objects() -> list[Panel]:
    """The image, and its three boxes."""
    image = scene.panel("A triangle with a circle in front of it, and a large square", title="the image", pale=False)
    view = scene.panel("The boxes of the three objects", title="its objects")
    view.objects()
    for name, box, colour in zip(scene.NAMES, scene.BOXES.tolist(), OBJECT_COLOURS, strict=True):
        x, y = view.point(box[0], box[1])
        if name == "circle":
            x, y = view.point(box[2] + 28, box[1] + 18)
        view.panel.text(x, y - 5, name, anchor="start", size=12, bold=True, colour=colour)
    return [image.panel, view.panel]


def cells() -> list[Panel]:
    """The cell of each object on the three grids."""
    boxes = xyxy_to_cxcywh(scene.BOXES)
    panels = []
    for scale in scene.scales():
        stride = int(scale.stride)
        count = scene.EDGE // stride
        row, column = centre_cells(boxes, scale)
        words = f"Cells of the objects' centres on the grid of stride {stride}"
        note = f"triangle: row {row[0]}, column {column[0]}"
        view = scene.panel(words, title=f"stride {stride}: {count} × {count} cells", note=note)
        view.grid(stride)
        for number, (r, c) in enumerate(zip(row.tolist(), column.tolist(), strict=True)):
            view.panel.box(view.cell(r, c, stride), OBJECT_COLOURS[number], 1, fill=0.35)
        view.objects(1.5)
        for (x, y), colour in zip(boxes[:, :2].tolist(), OBJECT_COLOURS, strict=True):
            view.panel.dot(*view.point(x, y), colour)
        panels.append(view.panel)
    return panels
