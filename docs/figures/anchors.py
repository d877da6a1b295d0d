"""Chapter 2: anchors, wh-IoU and k-means."""

import torch
from torch import Tensor

from figures import scene
from figures.svg import OBJECT_COLOURS, Axes, Colour, Panel
from yolo3.boxes import wh_iou

TRIANGLE = torch.tensor([64.0, 48.0])
_STAGES = (0, 1, 3, 12)
"""Steps of k-means that are drawn."""


def fits() -> list[Panel]:
    """The triangle's box with the anchors of each scale around the same centre."""
    panels = []
    for scale in scene.scales():
        edge = 232
        zoom = edge / (1.08 * max(96.0, scale.anchors.max().item()))
        panel = Panel(f"The box of the triangle and the anchors of stride {scale.stride}", edge, edge + 92)
        panel.text(edge / 2, 18, f"stride {scale.stride}", bold=True)
        middle = edge / 2 + 26
        overlaps = wh_iou(TRIANGLE, scale.anchors)
        best = int(overlaps.argmax())
        for number, (size, iou) in enumerate(zip(scale.anchors.tolist(), overlaps.tolist(), strict=True)):
            chosen = number == best
            _centred(panel, size, zoom, middle, "orange" if chosen else "muted", 2.5 if chosen else 1.2, "5 3")
            words = f"{size[0]:g} × {size[1]:g}: {iou:.3f}"
            panel.text(edge / 2, edge + 46 + 17 * number, words, size=12, colour="orange" if chosen else "muted")
        _centred(panel, TRIANGLE.tolist(), zoom, middle, "blue", 2, "", fill=0.15)
        panels.append(panel)
    return panels


def _centred(
    panel: Panel,
    size: list[float],
    zoom: float,
    middle: float,
    colour: Colour,
    width: float,
    dash: str,
    fill: float = 0,
) -> None:
    x, y = panel.width / 2, middle
    half = size[0] * zoom / 2, size[1] * zoom / 2
    panel.box((x - half[0], y - half[1], x + half[0], y + half[1]), colour, width, dash, fill)


def overlap() -> list[Panel]:
    """Two boxes with a common centre: what wh-IoU divides."""
    panel = Panel("A box of 64 × 48 and an anchor of 30 × 61 with a common centre; their overlap is shaded", 250, 240)
    zoom, x, y = 3.2, 125.0, 120.0
    numbers = Panel("Areas of the box, the anchor, their overlap and their union, and the wh-IoU", 270, 130)

    def around(width: float, height: float) -> tuple[float, float, float, float]:
        return x - width * zoom / 2, y - height * zoom / 2, x + width * zoom / 2, y + height * zoom / 2

    panel.box(around(30, 48), "purple", 0, fill=0.35)
    panel.box(around(64, 48), "blue")
    panel.box(around(30, 61), "orange", 2, "6 3")
    rows: tuple[tuple[Colour, str], ...] = (
        ("blue", "box 64 × 48 = 3072"),
        ("orange", "anchor 30 × 61 = 1830"),
        ("purple", "overlap 30 × 48 = 1440"),
        ("ink", "union 3072 + 1830 − 1440 = 3462"),
        ("ink", "wh-IoU 1440 / 3462 = 0.416"),
    )
    for number, (colour, words) in enumerate(rows):
        numbers.text(10, 22 + number * 24, words, anchor="start", colour=colour)
    return [panel, numbers]


def sizes() -> Tensor:
    """(150, 2) width and height of made-up boxes: small, wide, and large ones."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.tensor([[24.0, 28], [64, 44], [100, 110]]).repeat(50, 1)
    return kinds * torch.exp(0.2 * torch.randn(150, 2, generator=generator))


def step(boxes: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """One step of k-means: (N,) the nearest centre of each size, and the means of these groups."""
    nearest = wh_iou(boxes[:, None], centres).argmax(dim=1)
    return nearest, torch.stack([boxes[nearest == k].mean(dim=0) for k in range(len(centres))])


def kmeans() -> list[Panel]:
    """Four stages of k-means with three centres on made-up sizes."""
    boxes = sizes()
    centres = boxes[[0, 3, 6]]  # three small ones: a bad start, so that the steps can be seen
    panels = []
    for number in range(max(_STAGES) + 1):
        nearest, means = step(boxes, centres)
        if number in _STAGES:
            panels.append(_scatter(boxes, nearest, centres, "the start" if not number else f"after step {number}"))
        centres = means
    return panels


def _scatter(boxes: Tensor, nearest: Tensor, centres: Tensor, title: str) -> Panel:
    panel = Panel(f"Sizes of boxes and three centres, {title}", 350, 270)
    axes = Axes(panel, (0, 170), (0, 170), top=44)
    panel.text(panel.width / 2, 16, title, bold=True)
    axes.frame("width, pixels", "height, pixels", range(0, 161, 40), range(0, 161, 40))
    for group, size in zip(nearest.tolist(), boxes.tolist(), strict=True):
        panel.dot(*axes.at(size[0], size[1]), OBJECT_COLOURS[group], 1.8)
    for width, height in centres.tolist():
        x, y = axes.at(width, height)
        panel.box((x - 6, y - 6, x + 6, y + 6), "ink", 2.5)
    mean = wh_iou(boxes[:, None], centres).amax(dim=1).mean().item()
    panel.text(panel.width - 16, 218, f"mean wh-IoU {mean:.3f}", size=12, anchor="end")
    return panel
