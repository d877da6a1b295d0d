"""What an assigner owes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from yolo3.assign import check_targets
from yolo3.boxes import COCO_ANCHORS, Anchors, xyxy_to_cxcywh
from yolo3.protocols import Assigner
from yolo3.structures import GroundTruth, ScaleOutput, Targets
from yolo3.testing.asking import other_devices, repeatable, require, require_close, step, tensors_in, unchanged
from yolo3.testing.scenes import nothing, one_small, random_predictions, scene


def check_assigner(assigner: Assigner, anchors: Anchors = COCO_ANCHORS) -> None:
    """Check that a policy makes targets that every loss of this library takes.

    Checked are, at two image sizes: one `Targets` per scale, with slots inside the grids and no positive that is
    ignored; boxes and labels that belong to an object of the same image; at least one positive for some object; images
    without objects, scales without positives; the same targets when asked again, and for an image alone; no gradient;
    predictions in bfloat16; the accelerator, where the machine has one; inputs that stay as they are.

    Args:
        assigner: Policy to check.
        anchors: Anchors that it is made for.

    Raises:
        AssertionError: Something is missing; the message says what.
    """
    name = _name_of(assigner)
    stride = max(anchors.strides)
    with repeatable():
        for size in ((4 * stride, 4 * stride), (4 * stride, 6 * stride)):
            predictions = random_predictions(anchors, size)
            for truth in (scene(size), one_small(size), nothing()):
                _check_targets(assigner, name, truth, predictions, anchors)
            found = _assign(assigner, name, scene(size), predictions, anchors)
            require(any(len(targets) for targets in found), f"{name} makes no slot responsible for any of four objects")
            _check_again(assigner, name, scene(size), predictions, anchors, found)
            half = tuple(logits.to(torch.bfloat16) for logits in predictions)
            _check_targets(assigner, f"{name}, for predictions in bfloat16,", scene(size), half, anchors)
            for device in other_devices():
                moved = tuple(logits.to(device) for logits in predictions)
                truth = scene(size).to(device)
                _check_targets(assigner, f"{name}, on {device},", truth, moved, anchors)


def _name_of(part: object) -> str:
    return getattr(part, "__name__", type(part).__name__)


def _assign(
    assigner: Assigner, name: str, truth: GroundTruth, predictions: Sequence[Tensor], anchors: Anchors
) -> list[Targets]:
    scales = ScaleOutput.from_predictions(predictions, anchors)
    count = f"{len(truth)} objects" if len(truth) else "a batch without objects"
    with unchanged(name, truth=truth, scales=scales), step(f"{name} does not take {count}"):
        return assigner(truth, scales)


def _check_targets(
    assigner: Assigner, name: str, truth: GroundTruth, predictions: tuple[Tensor, ...], anchors: Anchors
) -> None:
    learning = tuple(logits.clone().requires_grad_() for logits in predictions)
    found: Any = _assign(assigner, name, truth, learning, anchors)
    kinds = [type(each).__name__ for each in found] if isinstance(found, list | tuple) else type(found).__name__
    fits = kinds == ["Targets"] * len(anchors)
    require(fits, f"{name} gives {kinds}; it must be a list of {len(anchors)} Targets, one per scale, coarse to fine")
    for number, (targets, scale) in enumerate(zip(found, ScaleOutput.from_predictions(learning, anchors), strict=True)):
        with step(f"{name} gives targets of scale {number} that do not fit its grid"):
            check_targets(targets, scale)
        for place, tensor in tensors_in(targets, "targets"):
            require(not tensor.requires_grad, f"{name} gives {place} with a gradient; detach the predictions first")
            same = tensor.device == scale.logits.device
            require(same, f"{name} gives {place} on {tensor.device}, the predictions are on {scale.logits.device}")
        _check_objects(name, number, targets, truth)


def _check_objects(name: str, number: int, targets: Targets, truth: GroundTruth) -> None:
    """Require that every positive has the box and the class of an object of its image."""
    own = xyxy_to_cxcywh(truth.boxes)
    near = (targets.boxes[:, None] - own).abs().amax(dim=2) < 0.01  # (P, N)
    in_image = targets.slots[:, :1] == truth.image
    labels = targets.labels
    if labels.ndim == 1:
        named = labels[:, None] == truth.labels
    else:
        named = labels[:, truth.labels] > 0
    for what, matches in (("box", near & in_image), ("class", near & in_image & named)):
        wrong = (~matches.any(dim=1)).nonzero()
        if len(wrong):
            image = int(targets.slots[int(wrong[0]), 0])
            raise AssertionError(
                f"{name} gives positive {int(wrong[0])} of scale {number} a {what} that no object of image {image} has"
            )


def _check_again(
    assigner: Assigner,
    name: str,
    truth: GroundTruth,
    predictions: tuple[Tensor, ...],
    anchors: Anchors,
    found: list[Targets],
) -> None:
    again = _assign(assigner, name, truth, predictions, anchors)
    require_close(again, found, f"{name} gives other targets when it is asked again", 0)
    first = truth.image == 0
    alone = GroundTruth(truth.boxes[first], truth.labels[first], truth.image[first])
    for mine, other in zip(
        _assign(assigner, name, alone, tuple(logits[:1] for logits in predictions), anchors), found, strict=True
    ):
        expected = other.slots[other.slots[:, 0] == 0]
        same = sorted(mine.slots.tolist()) == sorted(expected.tolist()) and torch.equal(mine.ignore, other.ignore[:1])
        require(same, f"{name} gives an image other targets in a batch than alone")
