"""Chapter 3: the maps of the network, what they see, and what they look like."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from figures import scene
from figures.svg import Colour, Panel, heat
from yolo3 import YOLOv3

_NAMES = ("coarse", "medium", "fine")


def maps() -> list[Panel]:
    """The network as a column of maps, with the shapes that it really has."""
    with torch.device("meta"):
        model = YOLOv3(num_classes=3)
        features = model.backbone(torch.empty(1, 3, scene.EDGE, scene.EDGE))
        outputs = model(torch.empty(1, 3, scene.EDGE, scene.EDGE))
    panel = Panel("Image, three maps of the backbone, necks and three outputs, joined by arrows", 376, 362)
    for x, y, words in ((60, 18, "image"), (192, 94, "neck"), (316, 94, "output")):
        panel.text(x, y, words, bold=True)
    panel.text(68, 94, "backbone", anchor="start", bold=True)
    _node(panel, 60, 46, "3 × 256 × 256", "ink", 104)
    panel.arrow(60, 64, 60, 112)
    rows = (310, 220, 130)
    for name, y, feature, output in zip(_NAMES, rows, reversed(features), outputs, strict=True):
        panel.arrow(112, y, 139, y)
        panel.arrow(245, y, 260, y)
        _node(panel, 60, y, _shape(feature[0]), "blue", 104)
        _node(panel, 192, y, "ConvSet" if name == "coarse" else "join, ConvSet", "orange", 106)
        _node(panel, 316, y, _shape(output[0]), "green", 112)
        panel.text(68, y + 34, f"stride {_stride(name)}", size=12, anchor="start", colour="muted")
        panel.text(316, y + 34, name, size=12, colour="muted")
    for upper, lower in ((130, 220), (220, 310)):
        panel.arrow(60, upper + 18, 60, lower - 18)
        panel.arrow(192, lower - 18, 192, upper + 18)
        panel.text(200, (upper + lower) / 2 + 4, "upsample", size=12, anchor="start", colour="muted")
    return [panel]


def _shape(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape))


def _node(panel: Panel, x: float, y: float, words: str, colour: Colour, width: float) -> None:
    panel.box((x - width / 2, y - 18, x + width / 2, y + 18), colour, 1.5, fill=0.12, round_=5)
    panel.text(x, y + 4, words, size=12)


def fields() -> list[Panel]:
    """Which pixels one position of each map depends on, by the gradient of the trained network."""
    panels = []
    for name, feature in zip(reversed(_NAMES), _at_each_map(_pixels_that_count), strict=True):
        edge = int((feature > 0.01).any(dim=0).sum())
        note = f"{edge} pixels wide"
        words = f"Pixels that the middle of the {name} map depends on"
        view = scene.panel(words, title=f"stride {_stride(name)}", note=note)
        view.panel.image(heat(feature.sqrt().numpy(), 1.0), view.at((0, 0, scene.EDGE, scene.EDGE)))
        panels.append(view.panel)
    return panels


def _at_each_map(measure: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
    """A measure of each map of the backbone, fine to coarse, and of the image that it was made of."""
    model = scene.network()
    found = []
    for number in range(3):
        image = scene.as_batch().requires_grad_()
        found.append(measure(model.backbone(image)[number], image))
    return found


def _pixels_that_count(feature: Tensor, image: Tensor) -> Tensor:
    """(256, 256) share of each pixel in the gradient of the middle position, 1 at the highest."""
    middle = feature.shape[2] // 2
    (gradient,) = torch.autograd.grad(feature[0, :, middle, middle].square().sum(), image)
    strength = gradient[0].abs().sum(dim=0)
    return strength / strength.max()


def _stride(name: str) -> int:
    return {"coarse": 32, "medium": 16, "fine": 8}[name]


def features() -> list[Panel]:
    """Four channels of each map of the backbone: the liveliest, and those that differ most from it."""
    panels = []
    for name, feature in zip(reversed(_NAMES), _at_each_map(lambda feature, _: feature.detach()[0]), strict=True):
        chosen = _different(feature.flatten(1))
        panel = Panel(f"Four channels of the map of stride {_stride(name)}", 236, 264)
        edge = feature.shape[1]
        panel.text(118, 18, f"stride {_stride(name)}: {len(feature)} × {edge} × {edge}", bold=True)
        for number, channel in enumerate(chosen):
            values = feature[channel].numpy()
            low, high = np.quantile(values, 0.02), np.quantile(values, 0.99)
            left, top = 8 + 112 * (number % 2), 28 + 112 * (number // 2)
            shown = heat(values - low, max(high - low, 1e-6))
            panel.image(shown, (left, top, left + 108, top + 108), sharp=True)
        panels.append(panel)
    return panels


def _different(channels: Tensor) -> list[int]:
    """The channel of largest deviation, then each time the one least like those before; of the livelier half."""
    spread = channels.std(dim=1)
    lively = spread.argsort(descending=True)[: len(channels) // 2]
    alike = torch.corrcoef(channels[lively]).abs()
    chosen = [0]
    while len(chosen) < 4:
        chosen.append(int(alike[:, chosen].amax(dim=1).argmin()))
    return lively[chosen].tolist()
