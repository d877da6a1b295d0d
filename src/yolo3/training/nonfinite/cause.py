"""The cause of a loss or gradient that is not finite: image, box, scale and term, or layer.

The search takes a batch apart, which needs a second or two; it runs when a cheap check has failed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from yolo3.models.yolov1 import CELL
from yolo3.protocols import DetectionLoss, Detector
from yolo3.structures import GroundTruth, Targets
from yolo3.training.nonfinite.hooks import NonFiniteTensor, only_row, recorded_nonfinite

_TAKE_OUT = "fix it or remove it"
_WIDER = "lower the learning rate, or use bf16 or fp32 instead of fp16"


@dataclass(frozen=True)
class Cause:
    """What is not finite, and where it comes from as far as known."""

    what: str
    """Description, such as ``the box term is nan``."""
    image: int | None = None
    """Number of the image in the batch."""
    box: int | None = None
    """Number of the box in the `GroundTruth` of the batch."""
    place: str = ""
    """Scale and slot of the box, or its cell, or the scale alone."""
    term: str | None = None
    """Name of the loss term at fault, if any."""
    fix: str = "look at that layer, or lower the learning rate"
    """Advice."""


def find_cause(detector: Detector, loss: DetectionLoss, images: Tensor, truth: GroundTruth) -> Cause | None:
    """Repeat a training step without an update, and check each part of it.

    The order is: pixels, ground truth, weights, layers forward, each loss term (image by image, box by box, scale by
    scale), layers backward. Gradients of the detector are overwritten.

    Args:
        detector: Detector in training mode. Call within `torch.autocast` if it is trained in mixed precision.
        loss: Loss of its predictions.
        images: (B, 3, H, W) in [0, 1], on the detector's device.
        truth: Ground truth of the images.

    Returns:
        The first cause found. None if everything is finite, as after a hardware fault, or if finite gradients add up to
        a number that is not.
    """
    module = cast(nn.Module, detector)
    found = _in_pixels(images) or _in_objects(truth) or _in_weights(module)
    if found is not None:
        return found
    with recorded_nonfinite(module) as (forward, backward), torch.enable_grad():
        predictions = detector(images)
        outputs = [predictions] if isinstance(predictions, Tensor) else predictions
        for heard in forward[:1] or _in_predictions(outputs):
            return Cause(heard.what, heard.image, fix=_WIDER)
        for look in (_bad_value, _bad_gradient):  # a bad value often spoils the gradients of others
            for image in range(len(images)):
                alone = _truth_of(truth, image)
                found = _in_terms(loss, _of_image(predictions, image), alone, images.shape[2], look)
                if found is not None:
                    boxes = (truth.image == image).nonzero().flatten().tolist()
                    box = None if found.box is None else boxes[found.box]
                    return replace(found, image=image, box=box)
        terms = loss.terms(predictions, truth)
        for name, value in terms.items():
            if not value.isfinite():  # and no single image is the cause
                return _of_term(name, f"the {name} term is {value.item()} over the whole batch")
        module.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        return Cause(backward[0].what, backward[0].image) if backward else None


def _in_pixels(images: Tensor) -> Cause | None:
    bad = (~images.isfinite().flatten(1).all(dim=1)).nonzero().flatten().tolist()
    return Cause("some pixels are not finite", image=bad[0], fix=_TAKE_OUT) if bad else None


def _in_objects(truth: GroundTruth) -> Cause | None:
    bad = (~(truth.boxes.isfinite().all(dim=1) & truth.object_weights.isfinite())).nonzero().flatten().tolist()
    if not bad:
        return None
    what = "coordinates or a weight that are not finite"
    return Cause(what, image=int(truth.image[bad[0]]), box=bad[0], fix=_TAKE_OUT)


def _in_weights(module: nn.Module) -> Cause | None:
    for name, weight in module.named_parameters():
        bad = int((~weight.isfinite()).sum())
        if bad:
            what = f"{bad} of {weight.numel()} values of the weight {name} were not finite before this step"
            return Cause(what, fix="start from finite weights, or with a lower learning rate")
    return None


def _in_predictions(predictions: Sequence[Tensor]) -> list[NonFiniteTensor]:
    what = "the predictions are not finite, though the output of each layer is"
    return [NonFiniteTensor(what, only_row(part)) for part in predictions if not part.isfinite().all()]


def _of_term(name: str, what: str) -> Cause:
    return Cause(what, term=name, fix=f"check how the {name} term handles such a value")


class _Look(Protocol):
    """A check of the loss terms."""

    def __call__(
        self, loss: DetectionLoss, predictions: Any, targets: Any, only: str | None = None
    ) -> tuple[str, str] | None:
        """Name and fault of the first broken term; only the term ``only`` is checked if given."""
        ...


def _in_terms(loss: DetectionLoss, predictions: Any, truth: GroundTruth, height: int, look: _Look) -> Cause | None:
    """The term, box and scale at fault in one image; the number of the image is not set."""
    broken = look(loss, predictions, truth)
    if broken is None:
        return None
    name, what = broken

    def breaks(predictions: Any, targets: Any) -> bool:
        return look(loss, predictions, targets, only=name) is not None

    if breaks(predictions, _objects(truth, [])):
        place = _background_scale(predictions, _objects(truth, []), breaks, height)
        return replace(_of_term(name, f"{what} on the background"), place=place)
    for box in range(len(truth)):
        alone = _objects(truth, [box])
        if breaks(predictions, alone):
            place = _place(loss, predictions, alone, breaks, height)
            return replace(_of_term(name, what), box=box, place=place)
    return _of_term(name, what)  # and no single object is the cause


def _place(
    loss: DetectionLoss, predictions: Any, alone: GroundTruth, breaks: Callable[[Any, Any], bool], height: int
) -> str:
    """Where an object breaks a term; empty for a loss without ``assign``."""
    targets = loss.assign(predictions, alone) if hasattr(loss, "assign") else None
    if isinstance(targets, list):
        return _slot(predictions, targets, breaks, height)
    return _cell(alone) if isinstance(targets, Tensor) else ""


def _slot(predictions: Any, targets: Sequence[Targets], breaks: Callable[[Any, Any], bool], height: int) -> str:
    """The scale and slot of the positive that breaks a term."""
    for scale, target in enumerate(targets):
        for index, slot in enumerate(target.slots.tolist()):
            alone = [_positives(other, []) for other in targets]
            alone[scale] = _positives(target, [index])
            if breaks(predictions, alone):
                stride = height // target.ignore.shape[2]
                return f"at the scale of stride {stride}, anchor {slot[1]}, row {slot[2]}, column {slot[3]}"
    return ""


def _cell(truth: GroundTruth) -> str:
    """The cell of YOLOv1 that holds the one object."""
    column, row = ((truth.boxes[0, :2] + truth.boxes[0, 2:]) / 2 / CELL).long().tolist()
    return f"in the cell of row {row}, column {column}"


def _background_scale(predictions: Any, nothing: GroundTruth, breaks: Callable[[Any, Any], bool], height: int) -> str:
    """The scale whose background breaks a term: with other logits in its place the term is finite."""
    if isinstance(predictions, Tensor):
        return ""
    for scale, logits in enumerate(predictions):
        others = [*predictions]
        others[scale] = torch.full_like(logits, -1.0)
        if not breaks(tuple(others), nothing):
            return f"at the scale of stride {height // logits.shape[2]}"
    return ""


def _bad_value(loss: DetectionLoss, predictions: Any, targets: Any, only: str | None = None) -> tuple[str, str] | None:
    with torch.no_grad():
        for name, value in loss.terms(predictions, targets).items():
            if only in (None, name) and not value.isfinite():
                return name, f"the {name} term is {value.item()}"
    return None


def _bad_gradient(
    loss: DetectionLoss, predictions: Any, targets: Any, only: str | None = None
) -> tuple[str, str] | None:
    has_scales = not isinstance(predictions, Tensor)
    parts = predictions if has_scales else [predictions]
    leaves = [part.detach().requires_grad_() for part in parts]
    terms = loss.terms(tuple(leaves) if has_scales else leaves[0], targets)
    for name, value in terms.items():
        if only in (None, name) and value.requires_grad:
            gradients = torch.autograd.grad(value, leaves, retain_graph=True, allow_unused=True)
            if not all(gradient is None or gradient.isfinite().all() for gradient in gradients):
                return name, f"the {name} term is {value.item():.4g} but its gradient is not finite"
    return None


def _of_image(predictions: Any, image: int) -> Any:
    """The predictions of one image."""
    if isinstance(predictions, Tensor):
        return predictions[image : image + 1].detach()
    return tuple(part[image : image + 1].detach() for part in predictions)


def _truth_of(truth: GroundTruth, image: int) -> GroundTruth:
    """The objects of one image, as the first of a batch."""
    chosen = _objects(truth, (truth.image == image).nonzero().flatten().tolist())
    return replace(chosen, image=torch.zeros_like(chosen.image))


def _objects(truth: GroundTruth, chosen: list[int]) -> GroundTruth:
    weights = None if truth.weights is None else truth.weights[chosen]
    return GroundTruth(truth.boxes[chosen], truth.labels[chosen], truth.image[chosen], weights)


def _positives(targets: Targets, chosen: list[int]) -> Targets:
    """Some of the positives; the slots of the others are ignored."""
    ignore = targets.ignore.clone()
    ignore[targets.slots.unbind(1)] = True
    slots = targets.slots[chosen]
    ignore[slots.unbind(1)] = False
    return Targets(slots, targets.boxes[chosen], targets.labels[chosen], targets.weights[chosen], ignore)
