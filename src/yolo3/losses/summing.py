"""What the recipes in the manner of Darknet share: sums over a batch, divided by its size."""

from collections.abc import Sequence

import torch
from torch import Tensor

from yolo3.assign.grid import image_size
from yolo3.losses.terms import BoxTerm, ClassTerm, LogitTerm, average
from yolo3.structures import ScaleOutput, Targets


def summed_terms(
    pairs: Sequence[tuple[ScaleOutput, Targets]], box: BoxTerm, objectness: LogitTerm, classes: ClassTerm
) -> dict[str, Tensor]:
    """Box, objectness and classes of every scale, each summed and divided by the batch size.

    A box counts 2 - its share of the image: the same slip hurts a small box more. Objectness is that of positives and
    of background; ignored slots have none.
    """
    scale, _ = pairs[0]
    batch_size, (height, width) = len(scale.logits), image_size(scale)
    positives = ScaleOutput.joined([scale.at(targets.slots) for scale, targets in pairs])
    wanted = Targets.joined([targets for _, targets in pairs])
    smallness = 2 - wanted.boxes[:, 2] * wanted.boxes[:, 3] / (height * width)
    found = objectness(positives.objectness, torch.ones_like(positives.objectness)) * wanted.weights
    background = torch.stack([_background(scale, targets, objectness) for scale, targets in pairs])
    return {
        "box": average(box(positives, wanted) * smallness * wanted.weights, batch_size),
        "objectness": average(found, batch_size) + average(background, batch_size),
        "classes": average(classes(positives.classes, wanted.labels) * wanted.weights, batch_size),
    }


def _background(scale: ScaleOutput, targets: Targets, objectness: LogitTerm) -> Tensor:
    """The sum over the background of one scale."""
    nothing = scale.objectness.new_zeros(()).expand_as(scale.objectness)  # takes no memory
    return (objectness(scale.objectness, nothing) * targets.background).sum()
