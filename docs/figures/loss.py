"""Chapter 5: the loss term by term, and its gradients on the grids."""

from dataclasses import dataclass

import torch
from torch import Tensor

from figures import decoding, scene
from figures.svg import Colour, Panel
from yolo3 import YoloLoss

_PRIOR = -4.5
"""Objectness logit of a head that has not learnt anything yet."""


@dataclass(frozen=True)
class Step:
    """One evaluation of the loss."""

    terms: dict[str, float]
    gradients: list[Tensor]
    """(1, 3, S, S, 8) per scale: derivative of the loss in each logit."""


def step() -> Step:
    """The loss of the scene, where an untrained network has given the logits of the example at one slot."""
    logits = [torch.zeros(1, 3, size, size, 8) for size in (8, 16, 32)]
    for each in logits:
        each[..., 0] = _PRIOR
    anchor, row, column = scene.SLOT
    logits[1][0, anchor, row, column] = scene.LOGITS
    leaves = tuple(each.requires_grad_() for each in logits)
    terms = YoloLoss().terms(leaves, scene.truth())
    gradients = torch.autograd.grad(torch.stack(list(terms.values())).sum(), leaves)
    return Step({name: value.item() for name, value in terms.items()}, list(gradients))


def terms() -> list[Panel]:
    """The four terms as bars."""
    values = step().terms
    panel = Panel("The four terms of the loss as bars", 384, 170)
    panel.text(192, 18, f"loss {sum(values.values()):.2f}", bold=True)
    colours: dict[str, Colour] = {"background": "muted", "objectness": "orange", "box": "blue", "classes": "green"}
    longest = max(values.values())
    for number, (name, value) in enumerate(values.items()):
        top = 34 + 32 * number
        panel.text(92, top + 15, name, anchor="end")
        panel.box((100, top, 100 + 220 * value / longest, top + 20), colours[name], 1, fill=0.5)
        panel.text(108 + 220 * value / longest, top + 15, f"{value:.2f}", anchor="start")
    return [panel]


def objectness() -> list[Panel]:
    """The derivative in the objectness logits, slot by slot."""
    panels = []
    for scale, gradient in zip(scene.scales(), step().gradients, strict=True):
        stride = int(scale.stride)
        slopes = gradient[0, ..., 0]  # (A, S, S)
        down = slopes[slopes > 0]
        note = f"positives −{-slopes.min():.2f}, others {down.max():.5f}"
        words = f"Derivative of the loss in the objectness logits at stride {stride}"
        view = scene.panel(words, title=f"stride {stride}", note=note)
        view.grid(stride)
        lowest = slopes.amin(dim=0)
        for row, column in (lowest < 0).nonzero().tolist():
            view.panel.box(view.cell(row, column, stride), "blue", 1, fill=0.25 + 0.6 * -lowest[row, column].item())
        view.objects(1)
        panels.append(view.panel)
    return panels


def pull() -> list[Panel]:
    """Where the box term moves the predicted box of the example."""
    _, medium, _ = step().gradients
    anchor, row, column = scene.SLOT
    slope = medium[0, anchor, row, column, 1:5].tolist()
    slot = decoding.predicted()
    x, y, width, height = slot.cxcywh[0].tolist()
    panel = Panel("The predicted and the true box of the triangle, with arrows where a step takes the edges", 372, 262)
    view = scene.View(panel, 6, 32, 2.75, origin=(54, 52))
    panel.text(186, 18, "minus the gradient of the box term", bold=True)
    panel.box(view.at(scene.BOXES[0].tolist()), "green", 2, "6 3")
    panel.box(view.at(slot.xyxy[0].tolist()), "blue", 2.5)
    panel.dot(*view.point(x, y), "blue")
    reach = 14  # pixels of an arrow for a derivative of 1
    panel.arrow(*view.point(x, y), *view.point(x - reach * slope[0] * 12, y), "orange")
    panel.arrow(*view.point(x, y), *view.point(x, y - reach * slope[1] * 12), "orange")
    for side in (-1, 1):
        edge = x + side * width / 2
        panel.arrow(*view.point(edge, y), *view.point(edge - side * reach * slope[2], y), "orange")
        edge = y + side * height / 2
        panel.arrow(*view.point(x + 18, edge), *view.point(x + 18, edge - side * reach * slope[3]), "orange")
    labels = ", ".join(f"t{name} {value:+.2f}" for name, value in zip("xywh", slope, strict=True))
    panel.text(186, 232, f"derivatives: {labels}", size=12)
    panel.text(186, 252, "blue: predicted, green: true", size=12, colour="muted")
    return [panel]
