"""Chapter 4: which slot is responsible, which is ignored, and how policies differ."""

from figures import scene
from figures.svg import OBJECT_COLOURS, Colour, Panel
from yolo3.assign import AnchorsAboveIoU, BestAnchorOverall, BestAnchorPerScale, NeighbourCells, explain
from yolo3.assign.explain import Explanation

_CELLS = {32: (2, 3), 16: (5, 7), 8: (11, 14)}
"""Row and column of the circle's cell, by stride."""


def slots() -> list[Panel]:
    """The three slots of the circle's cell at each scale."""
    explanation = explain(scene.BOXES, BestAnchorPerScale(), scene.scales())
    return [_opened(explanation, int(scale.stride), scale.anchors.tolist()) for scale in scene.scales()]


def _opened(explanation: Explanation, stride: int, anchors: list[list[float]]) -> Panel:
    row, column = _CELLS[stride]
    panel = Panel(f"The three slots of the cell in row {row}, column {column} at stride {stride}", 236, 188)
    panel.text(118, 18, f"stride {stride}, row {row}, column {column}", bold=True)
    for number, (width, height) in enumerate(anchors):
        top = 30 + 52 * number
        here = [
            each
            for each in explanation.assignments
            if (each.stride, each.anchor, each.row, each.column) == (stride, number, row, column)
        ]
        states = {each.state: each for each in here}
        words, dash = "background", ""
        colour: Colour = "muted"
        if "responsible" in states:
            owner = states["responsible"]
            words, colour = f"{scene.NAMES[owner.object]} ({owner.fit:.3f})", OBJECT_COLOURS[owner.object]
        elif "ignored" in states:
            words, colour, dash = f"ignored: circle fits, {states['ignored'].fit:.3f}", "ink", "4 3"
        fill = 0.25 if "responsible" in states else 0
        panel.box((8, top, 228, top + 44), colour, 1.5, dash, fill, 4)
        panel.text(18, top + 18, f"anchor {number}: {width:g} × {height:g}", anchor="start", size=12)
        panel.text(18, top + 36, words, anchor="start", size=12, bold=True, colour=colour)
    return panel


def policies() -> list[Panel]:
    """Four policies on the same image: the responsible cells of all scales."""
    chosen = (BestAnchorPerScale(), BestAnchorOverall(), AnchorsAboveIoU(), NeighbourCells())
    panels = []
    for policy in chosen:
        explanation = explain(scene.BOXES, policy, scene.scales())
        positives = [each for each in explanation.assignments if each.state == "responsible"]
        counts = [sum(each.object == number for each in positives) for number in range(3)]
        note = ", ".join(f"{name} {count}" for name, count in zip(scene.NAMES, counts, strict=True))
        name = type(policy).__name__
        view = scene.panel(f"Responsible cells under {name}", title=name, note=f"slots: {note}", edge=300)
        view.objects(1)
        for each in positives:
            colour = OBJECT_COLOURS[each.object]
            view.panel.box(view.cell(each.row, each.column, each.stride), colour, 1.2, fill=0.18)
        panels.append(view.panel)
    return panels
