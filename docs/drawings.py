"""Draws the figures of the documentation from the library itself: `python docs/drawings.py`.

They are kept beside the pages, where a code host shows them; a test compares them with what this draws.
"""

from collections.abc import Iterable
from html import escape
from pathlib import Path

import torch

from yolo3 import COCO_ANCHORS, GroundTruth, ScaleOutput, YOLOv3
from yolo3.assign import BestAnchorPerScale
from yolo3.boxes import cxcywh_to_xyxy

# the colour of the page's scheme (static/figures.css); where the file stands alone, the second one
INK = "var(--drawing-ink, #1f2933)"
PAPER = "var(--drawing-paper, #ffffff)"
PALE = "var(--drawing-pale-fill, #eef2f7)"
LINE = "var(--drawing-line, #9aa5b1)"
COARSE = "var(--drawing-orange, #bf4e00)"
MEDIUM = "var(--drawing-green, #00795a)"
FINE = "var(--drawing-blue, #0067a5)"
COLOURS = (COARSE, MEDIUM, FINE)


def draw_all(folder: Path) -> None:
    """Write every figure."""
    folder.mkdir(exist_ok=True)
    (folder / "architecture.svg").write_text(architecture(), encoding="utf-8")
    (folder / "grid.svg").write_text(grid(), encoding="utf-8")


def architecture() -> str:
    """The network as boxes and arrows, with the shapes that it really has at 416 pixels."""
    with torch.device("meta"):
        network = YOLOv3(20)
        maps = network.backbone(torch.empty(1, 3, 416, 416))
        predictions = network(torch.empty(1, 3, 416, 416))
    shape = lambda tensor: " × ".join(map(str, tensor.shape[1:]))  # noqa: E731
    parts = [_marker(), _box(10, 150, 110, 60, "images", "3 × 416 × 416", PALE)]
    parts += [_box(160, 60, 150, 240, "Darknet53", "backbone", PALE)]
    parts += [_arrow(120, 180, 158, 180)]
    rows = {"coarse": 270, "medium": 180, "fine": 90}
    for (name, y), feature, prediction, colour in zip(rows.items(), reversed(maps), predictions, COLOURS, strict=True):
        middle = "ConvSet" if name == "coarse" else "NeckAndConcatNet"
        parts += [_arrow(310, y, 398, y), _text(354, y - 8, shape(feature), 10)]
        parts += [_box(400, y - 25, 150, 50, middle, "", PALE)]
        parts += [_arrow(550, y, 588, y), _box(590, y - 25, 130, 50, "ScalePrediction", name, PAPER, colour)]
        parts += [_arrow(720, y, 748, y), _text(755, y + 4, shape(prediction), 12, "start", colour)]
    parts += [_arrow(475, 245, 475, 207), _arrow(475, 155, 475, 117)]
    parts += [_text(482, 229, "halve, upsample", 10, "start"), _text(482, 139, "halve, upsample", 10, "start")]
    parts += [_text(755, 318, "anchor, row, column, 5 + classes", 11, "start")]
    return _svg(960, 330, parts)


def grid() -> str:
    """One object on the three grids: the cell of its centre, and the responsible anchor at each scale."""
    edge, box = 192, torch.tensor([[60.0, 34.0, 152.0, 170.0]])
    scales = ScaleOutput.blank(COCO_ANCHORS, (edge, edge))
    targets = BestAnchorPerScale()(GroundTruth.collate([(box, torch.zeros(1, dtype=torch.long))]), scales)
    parts: list[str] = []
    for index, (scale, target, colour) in enumerate(zip(scales, targets, COLOURS, strict=True)):
        left, top = 20 + index * (edge + 70), 40
        _, anchor, row, column = target.slots[0].tolist()
        parts.append(
            _text(left + edge / 2, 22, f"stride {scale.stride}: {edge // scale.stride} × {edge // scale.stride}")
        )
        for line in range(0, edge + 1, scale.stride):
            parts.append(_line(left + line, top, left + line, top + edge))
            parts.append(_line(left, top + line, left + edge, top + line))
        parts.append(
            _rect(left + column * scale.stride, top + row * scale.stride, scale.stride, scale.stride, colour, 0.35)
        )
        parts.append(_outline(box[0].tolist(), left, top, INK, "none"))
        for number, (width, height) in enumerate(scale.anchors.tolist()):
            centre = target.boxes[0, :2]
            outline = cxcywh_to_xyxy(torch.tensor([*centre.tolist(), width, height])).tolist()
            if number == anchor:
                parts.append(_outline(outline, left, top, colour, "5 3"))
        width, height = scale.anchors[anchor].tolist()
        parts.append(_text(left + edge / 2, top + edge + 22, f"cell row {row}, column {column}", 12))
        parts.append(_text(left + edge / 2, top + edge + 40, f"anchor {width:.0f} × {height:.0f}", 12, colour=colour))
    return _svg(20 + 3 * (edge + 70), 300, parts)


def _svg(width: float, height: float, parts: Iterable[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="{PAPER}"/>', *parts, "</svg>\n"])


def _marker() -> str:
    return (
        f'<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{INK}"/></marker>'
    )


def _box(x: float, y: float, width: float, height: float, title: str, note: str, fill: str, edge: str = LINE) -> str:
    middle = x + width / 2
    place = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    rect = f'<rect {place} rx="6" fill="{fill}" stroke="{edge}" stroke-width="1.5"/>'
    return (
        rect + _text(middle, y + height / 2 + (0 if note else 4), title) + _text(middle, y + height / 2 + 16, note, 10)
    )


def _text(x: float, y: float, words: str, size: int = 13, anchor: str = "middle", colour: str = INK) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{INK}" stroke-width="1.3" marker-end="url(#tip)"/>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{LINE}" stroke-width="0.6"/>'


def _rect(x: float, y: float, width: float, height: float, fill: str, opacity: float) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" fill-opacity="{opacity}"/>'


def _outline(box: list[float], left: float, top: float, colour: str, dashes: str) -> str:
    x1, y1, x2, y2 = box
    return (
        f'<rect x="{left + x1}" y="{top + y1}" width="{x2 - x1}" height="{y2 - y1}" fill="none" stroke="{colour}" '
        f'stroke-width="2" stroke-dasharray="{dashes}"/>'
    )


if __name__ == "__main__":
    draw_all(Path(__file__).parent / "images")
