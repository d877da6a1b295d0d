"""Chapter 10: loss curves of one batch that is learnt by heart, healthy and not."""

import math
from functools import cache

import torch

from figures import scene
from figures.svg import Axes, Colour, Panel
from yolo3 import GroundTruth, YoloLoss, YOLOv3

_STEPS = 40
_EDGE = 64
_RATES: dict[float, tuple[Colour, str, str]] = {
    1e-6: ("muted", "2 3", "10⁻⁶: too low"),
    2e-3: ("blue", "", "0.002: falls"),
    1.0: ("orange", "6 3", "1: too high"),
}


@cache
def histories() -> dict[float, list[float]]:
    """The loss at each step, by learning rate."""
    image = torch.nn.functional.interpolate(scene.as_batch(), size=(_EDGE, _EDGE), mode="area")
    boxes = scene.BOXES * _EDGE / scene.EDGE
    truth = GroundTruth.collate([(boxes, scene.LABELS), (boxes, scene.LABELS)])
    images = torch.cat([image, 1 - image])
    found = {}
    for rate in _RATES:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = YOLOv3(num_classes=3, width=0.0625)
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
        losses = []
        for _ in range(_STEPS):
            loss = YoloLoss()(model(images), truth)
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                break
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found[rate] = losses
    return found


def rates() -> list[Panel]:
    """The curves, on a logarithmic axis."""
    panel = Panel("The loss of one batch over 40 steps at three learning rates", 384, 300)
    panel.text(192, 16, "one batch, three learning rates", bold=True)
    axes = Axes(panel, (0, _STEPS), (-1, 5), top=46, right=96)
    axes.frame("step", "loss, powers of ten", (0, 10, 20, 30, 40), (-1, 0, 1, 2, 3, 4, 5))
    for rate, losses in histories().items():
        colour, dash, words = _RATES[rate]
        finite = [loss for loss in losses if math.isfinite(loss)]
        line = [axes.at(step, min(max(math.log10(loss), -1), 5)) for step, loss in enumerate(finite)]
        panel.curve(line, colour, 2, dash)
        panel.text(panel.width - 92, line[-1][1] + 4, words, anchor="start", size=12, colour=colour)
    return [panel]
