"""Who makes a loss or a gradient that is not finite: which image, box, scale and term, or which layer.

The search takes a batch apart, so it needs a second or two; it is for when a cheap check has failed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from yolo3.models.yolov1 import CELL
from yolo3.protocols import DetectionLoss, Detector
from yolo3.structures import GroundTruth, Targets
from yolo3.training.nonfinite.hooks import Heard, listening, only_row

_TAKE_OUT = "mend it or take it out"
_WIDER = "lower the learning rate, or compute in a wider type: bf16 or fp32 in place of fp16"


@dataclass(frozen=True)
class Cause:
    """What is not finite, and where it comes from, as far as that can be told."""

    what: str
    """As in ``the box term is nan``."""
    image: int | None = None
    """Its number in the batch."""
    box: int | None = None
    """Its number in the batch's `GroundTruth`."""
    place: str = ""
    """The scale and slot of the box, or its cell, or the scale alone."""
    term: str | None = None
    """The name of the term, where it is one's fault."""
    mend: str = "look at that layer, or lower the learning rate"
    """What to do."""


def find_cause(detector: Detector, loss: DetectionLoss, images: Tensor, truth: GroundTruth) -> Cause | None:
    """Do a training step again without moving a weight, and look at each thing that takes part in it.

    In order: pixels, objects, weights, the layers forward, each term of the loss (image by image, box by box, scale
    by scale), the layers backward. Gradients of the detector are overwritten.

    Args:
        detector: in the mode it is trained in, within `torch.autocast` if it is trained so.
        loss: of its predictions.
        images: (B, 3, H, W) in [0, 1], on the detector's device.
        truth: their objects.

    Returns:
        The first thing found; None where all is finite, as after an accident of the hardware, or where finite gradients
        add up to too large a number.
    """
    module = cast(nn.Module, detector)
    found = _in_pixels(images) or _in_objects(truth) or _in_weights(module)
    if found is not None:
        return found
    with listening(module) as (forward, backward), torch.enable_grad():
        predictions = detector(images)
        outputs = [predictions] if isinstance(predictions, Tensor) else predictions
        for heard in forward[:1] or _in_predictions(outputs):
            return Cause(heard.what, heard.image, mend=_WIDER)
        for look in (_bad_value, _bad_gradient):  # a bad value often spoils the gradients of others
            for image in range(len(images)):
                alone = _truth_of(truth, image)
                found = _in_terms(loss, _of_image(predictions, image), alone, images.shape[2], look)
                if found is not None:
                    boxes = (truth.image == image).nonzero().flatten().tolist()
                    return replace(found, image=image, box=None if found.box is None else boxes[found.box])
        terms = loss.terms(predictions, truth)
        for name, value in terms.items():
            if not value.isfinite():  # of no image alone
                return _of_term(name, f"the {name} term is {value.item()} over the whole batch")
        module.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        return Cause(backward[0].what, backward[0].image) if backward else None


def _in_pixels(images: Tensor) -> Cause | None:
    bad = (~images.isfinite().flatten(1).all(dim=1)).nonzero().flatten().tolist()
    return Cause("there are pixels that are not finite", image=bad[0], mend=_TAKE_OUT) if bad else None


def _in_objects(truth: GroundTruth) -> Cause | None:
    bad = (~(truth.boxes.isfinite().all(dim=1) & truth.object_weights.isfinite())).nonzero().flatten().tolist()
    if not bad:
        return None
    what = "coordinates or a weight that are not finite"
    return Cause(what, image=int(truth.image[bad[0]]), box=bad[0], mend=_TAKE_OUT)


def _in_weights(module: nn.Module) -> Cause | None:
    for name, weight in module.named_parameters():
        bad = int((~weight.isfinite()).sum())
        if bad:
            what = f"{bad} of {weight.numel()} numbers of the weight {name} were not finite before this step"
            return Cause(what, mend="begin from sound weights, or with a lower learning rate")
    return None


def _in_predictions(predictions: Sequence[Tensor]) -> list[Heard]:
    what = "the predictions are not finite, though what each layer gives out is"
    return [Heard(what, only_row(part)) for part in predictions if not part.isfinite().all()]


def _of_term(name: str, what: str) -> Cause:
    return Cause(what, term=name, mend=f"look at how the {name} term treats such a value")


class _Look(Protocol):
    """A way to find a broken term."""

    def __call__(
        self, loss: DetectionLoss, predictions: Any, targets: Any, only: str | None = None
    ) -> tuple[str, str] | None:
        """The first broken term, or only that of a name: its name, and what is wrong with it."""
        ...


def _in_terms(loss: DetectionLoss, predictions: Any, truth: GroundTruth, height: int, look: _Look) -> Cause | None:
    """The term, box and scale at fault in one image, whose number is left open."""
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
    return _of_term(name, what)  # of no object alone


def _place(
    loss: DetectionLoss, predictions: Any, alone: GroundTruth, breaks: Callable[[Any, Any], bool], height: int
) -> str:
    """Where an object breaks a term; unknown of a loss that has its terms and no more, which is enough to train."""
    targets = loss.assign(predictions, alone) if hasattr(loss, "assign") else None
    if isinstance(targets, list):
        return _slot(predictions, targets, breaks, height)
    return _cell(alone) if isinstance(targets, Tensor) else ""


def _slot(predictions: Any, targets: Sequence[Targets], breaks: Callable[[Any, Any], bool], height: int) -> str:
    """The scale and slot of the positive that breaks a term."""
    for scale, target in enumerate(targets):
        for index, slot in enumerate(target.slots.tolist()):
            alone = [_positives(other, [index] if number == scale else []) for number, other in enumerate(targets)]
            if breaks(predictions, alone):
                stride = height // target.ignore.shape[2]
                return f"at the scale of stride {stride}, anchor {slot[1]}, row {slot[2]}, column {slot[3]}"
    return ""


def _cell(truth: GroundTruth) -> str:
    """The cell of YOLOv1 that the one object is in."""
    column, row = ((truth.boxes[0, :2] + truth.boxes[0, 2:]) / 2 / CELL).long().tolist()
    return f"in the cell of row {row}, column {column}"


def _background_scale(predictions: Any, nothing: GroundTruth, breaks: Callable[[Any, Any], bool], height: int) -> str:
    """The scale whose background breaks a term: with other numbers in its place, the term is sound."""
    if isinstance(predictions, Tensor):
        return ""
    for scale, logits in enumerate(predictions):
        others = [torch.full_like(logits, -1.0) if number == scale else part for number, part in enumerate(predictions)]
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
    parts = [predictions] if isinstance(predictions, Tensor) else predictions
    leaves = [part.detach().requires_grad_() for part in parts]
    for name, value in loss.terms(leaves[0] if isinstance(predictions, Tensor) else tuple(leaves), targets).items():
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
