"""Chapter 6: from logits to a box and a score."""

import math

import torch

from figures import scene
from figures.svg import Anchor, Axes, Panel, heat
from yolo3 import COCO_ANCHORS, ScaleOutput

_STRIDE = 16


def predicted() -> ScaleOutput:
    """The logits of the worked example, at their slot."""
    anchor, row, column = scene.SLOT
    sizes = torch.tensor([COCO_ANCHORS.sizes[1][anchor]])
    return ScaleOutput(scene.LOGITS[None], sizes, _STRIDE, cells=torch.tensor([[column, row]]))


def offsets() -> list[Panel]:
    """The predicted box against its anchor and its cell."""
    _, row, column = scene.SLOT
    slot = predicted()
    x, y, width, height = slot.cxcywh[0].tolist()
    anchor_width, anchor_height = slot.anchors[0].tolist()
    panel = Panel("The cell, the anchor and the predicted box, with the lengths that the logits stand for", 372, 272)
    view = scene.View(panel, 6, 34, 2.75, origin=(54, 56))
    panel.text(186, 18, "the slot of the triangle at stride 16", bold=True)
    for line in range(4, 12):
        panel.line(*view.point(line * 16, 58), *view.point(line * 16, 124), "line", 0.6)
    for line in range(4, 8):
        panel.line(*view.point(58, line * 16), *view.point(186, line * 16), "line", 0.6)
    left, top = column * _STRIDE, row * _STRIDE
    panel.box(view.at([left, top, left + _STRIDE, top + _STRIDE]), "orange", 2, fill=0.2)
    half = anchor_width / 2, anchor_height / 2
    panel.box(view.at([x - half[0], y - half[1], x + half[0], y + half[1]]), "muted", 1.5, "5 4")
    panel.box(view.at(slot.xyxy[0].tolist()), "blue", 2.5)
    panel.dot(*view.point(x, y), "blue")
    panel.arrow(*view.point(left, y), *view.point(x, y), "orange")
    panel.arrow(*view.point(x, top), *view.point(x, y), "orange")
    below = y + half[1] + 4
    panel.arrow(*view.point(x, below), *view.point(x + width / 2, below), "blue", 1)
    panel.arrow(*view.point(x, below), *view.point(x - width / 2, below), "blue", 1)
    panel.text(*view.point(x, below + 5), f"w = 62 · e^0.5 = {width:.1f}", size=12, colour="blue")
    panel.text(
        *view.point(x - width / 2 + 1, y - height / 2 + 5), f"h = {height:.1f}", size=12, anchor="start", colour="blue"
    )
    panel.text(*view.point(x, y - half[1] - 1.5), "anchor 62 × 45", size=12, colour="muted")
    panel.text(186, 242, "cell: row 5, column 7", size=12)
    panel.text(186, 260, "centre: σ(0.2) = 0.55 across, σ(−0.4) = 0.40 down", size=12)
    return [panel]


def curves() -> list[Panel]:
    """The two functions, with the logits of the example on them."""
    sigmoid = Panel("The sigmoid from -4 to 4", 350, 250)
    axes = Axes(sigmoid, (-4, 4), (0, 1), top=46)
    sigmoid.text(175, 16, "σ: the centre in its cell", bold=True)
    axes.frame("logit t", "offset, cells", (-4, -2, 0, 2, 4), (0, 0.5, 1))
    grid = [number / 20 - 4 for number in range(161)]
    axes_curve = [axes.at(t, 1 / (1 + math.exp(-t))) for t in grid]
    sigmoid.curve(axes_curve, "orange")
    labels: tuple[tuple[str, float, float, Anchor], ...] = (("x", 0.2, 12, "start"), ("y", -0.4, -12, "end"))
    for name, t, aside, side in labels:
        x, y = axes.at(t, 1 / (1 + math.exp(-t)))
        sigmoid.dot(x, y, "ink")
        sigmoid.text(x + aside, y + 4, f"t{name} = {t}", size=12, anchor=side)
    power = Panel("The exponential from -2 to 2", 350, 250)
    axes = Axes(power, (-2, 2), (0, 6), top=46)
    power.text(175, 16, "exp: the size against the anchor", bold=True)
    axes.frame("logit t", "size / anchor", (-2, -1, 0, 1, 2), (0, 1, 2, 4, 6))
    power.curve([axes.at(t / 2, math.exp(t / 2)) for t in grid if math.exp(t / 2) < 6], "blue")
    for name, t in (("w", 0.5), ("h", -0.3)):
        x, y = axes.at(t, math.exp(t))
        power.dot(x, y, "ink")
        power.text(x - 8, y - 10, f"t{name} = {t}", size=12, anchor="end")
    return [sigmoid, power]


def objectness() -> list[Panel]:
    """Objectness of a trained network on the three grids: the best slot of each cell."""
    panels = []
    for scale in ScaleOutput.from_predictions(scene.predictions(), COCO_ANCHORS):
        best = scale.objectness[0].sigmoid().amax(dim=0).numpy()
        words = f"Objectness of each cell at stride {scale.stride}"
        note = f"highest {best.max():.2f}"
        view = scene.panel(words, title=f"stride {scale.stride}", note=note)
        view.panel.image(heat(best, 1.0), view.at((0, 0, scene.EDGE, scene.EDGE)), sharp=True)
        for box in scene.BOXES.tolist():
            view.panel.parts.append(_white(view.at(box)))
        panels.append(view.panel)
    return panels


def _white(box: tuple[float, float, float, float]) -> str:
    """A white outline, which shows on a heat map in either scheme."""
    left, top, right, bottom = box
    place = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
    return f'<rect {place} style="fill:none;stroke:white;stroke-width:1.2;stroke-dasharray:4 2"/>'
