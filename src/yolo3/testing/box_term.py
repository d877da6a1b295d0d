"""What a box term owes."""

from dataclasses import replace

import torch
from torch import Tensor

from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.losses.terms import BoxTerm
from yolo3.structures import ScaleOutput, Targets
from yolo3.testing.asking import other_devices, repeatable, require, require_finite, step, unchanged
from yolo3.testing.scenes import random_predictions

_SLOTS = ((0, 0, 1, 2), (0, 2, 0, 0), (1, 1, 3, 1), (2, 0, 2, 3))


def check_box_term(term: BoxTerm, anchors: Anchors = COCO_ANCHORS) -> None:
    """Check that a box term fits every recipe that takes one.

    Checked are, at every scale: one finite value per positive, none for no positives; a finite gradient in the
    predictions, also for boxes that are far from each other; a perfect box that costs less than a displaced one;
    predictions in bfloat16; positives of several scales in one list; the accelerator, where the machine has one;
    inputs that stay as they are.

    Args:
        term: Term to check.
        anchors: Anchors of at least one scale that it is made for.

    Raises:
        AssertionError: Something is missing; the message says what.
    """
    name = getattr(term, "__name__", type(term).__name__)
    size = (4 * max(anchors.strides), 4 * max(anchors.strides))
    with repeatable():
        predictions = random_predictions(anchors, size)
        for device in ("cpu", *other_devices()):
            moved = tuple(logits.to(device) for logits in predictions)
            found = [_check_scale(term, name, moved, anchors, number) for number in range(len(anchors))]
            positives, targets = (list(column) for column in zip(*found, strict=True))
            joined = ScaleOutput.joined(positives), Targets.joined(targets)
            _values(term, f"{name}, for positives of several scales,", *joined)
        half = tuple(logits.to(torch.bfloat16) for logits in predictions)
        _check_scale(term, f"{name}, for predictions in bfloat16,", half, anchors, 0)


def _check_scale(
    term: BoxTerm, name: str, predictions: tuple[Tensor, ...], anchors: Anchors, number: int
) -> tuple[ScaleOutput, Targets]:
    """Check the term at one scale; the positives and targets of it."""
    scale = ScaleOutput.from_predictions(predictions, anchors)[number]
    scale = replace(scale, logits=scale.logits.detach().requires_grad_())
    slots = torch.tensor(_SLOTS, device=scale.logits.device)
    slots[:, 1] %= len(anchors.sizes[number])
    positives = scale.at(slots)
    perfect = _targets(positives.cxcywh.detach(), slots, scale)
    thin = replace(perfect, boxes=perfect.boxes * torch.tensor([1, 1, 0.05, 20], device=slots.device))
    apart = replace(perfect, boxes=perfect.boxes.roll(1, dims=0))

    beside = replace(scale, logits=scale.logits + torch.randn_like(scale.logits)).at(slots)
    costs_more = _values(term, name, beside, perfect) > _values(term, name, positives, perfect)
    require(bool(costs_more.all()), f"{name} does not cost a box beside its object more than a perfect one")
    for targets in (perfect, thin, apart):
        values = _values(term, name, scale.at(slots), targets)
        _check_gradient(name, values, scale.logits)
    _check_nothing(term, name, scale, perfect)
    return positives, perfect


def _targets(boxes: Tensor, slots: Tensor, scale: ScaleOutput) -> Targets:
    labels = torch.zeros(len(slots), dtype=torch.long, device=slots.device)
    ignore = torch.zeros(scale.logits.shape[:-1], dtype=torch.bool, device=slots.device)
    return Targets(slots, boxes, labels, torch.ones_like(boxes[:, 0]), ignore)


def _values(term: BoxTerm, name: str, positives: ScaleOutput, targets: Targets) -> Tensor:
    count = len(targets)
    with unchanged(name, positives=positives, targets=targets), step(f"{name} does not take {count} positives"):
        values = term(positives, targets)
    given = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
    require(given == (count,), f"{name} gives {given}; it must be one value per positive, ({count},)")
    require_finite(values, f"{name} gives values that are not finite")
    return values


def _check_gradient(name: str, values: Tensor, logits: Tensor) -> None:
    require(values.requires_grad, f"{name} gives values without a gradient; nothing would be learnt")
    (gradient,) = torch.autograd.grad(values.sum(), logits, allow_unused=True)
    require(gradient is not None, f"{name} does not depend on the predictions")
    require_finite(gradient, f"{name} has a gradient that is not finite")


def _check_nothing(term: BoxTerm, name: str, scale: ScaleOutput, targets: Targets) -> None:
    none = targets.slots[:0]
    empty = _targets(targets.boxes[:0], none, scale)
    _values(term, name, scale.at(none), empty)
