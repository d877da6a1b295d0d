"""What a loss owes."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from yolo3.protocols import DetectionLoss, Detector, anchors_of, as_module, fixed_size_of, in_channels_of
from yolo3.structures import GroundTruth
from yolo3.testing.asking import (
    other_devices,
    repeatable,
    require,
    require_close,
    require_finite,
    require_gradients,
    step,
    tensors_in,
    unchanged,
)
from yolo3.testing.network import copy_of
from yolo3.testing.scenes import nothing, one_small, random_predictions, scene


def check_loss(loss: DetectionLoss, detector: Detector | None = None) -> None:
    """Check that a loss can train the detectors that it is made for.

    Checked are, at two image sizes: terms that are finite scalars, whose sum is the loss; targets made by `assign` that
    give the same loss as the objects; a finite gradient in all predictions; batches and scales without objects;
    predictions in bfloat16; the accelerator, where the machine has one, with objects on the CPU; inputs that stay as
    they are; the same loss when asked again. Of a loss with parameters: a gradient on each, a ``state_dict`` that is
    saved and loaded.

    Args:
        loss: Loss to check. It is not changed.
        detector: Detector of at least three classes that makes the predictions. None tries random predictions for the
            ``anchors`` of the loss.

    Raises:
        AssertionError: Something is missing; the message says what.
    """
    name = type(loss).__name__
    for method in ("terms", "assign", "__call__"):
        require(callable(getattr(loss, method, None)), f"{name} has no method `{method}`")
    with repeatable():
        with step(f"{name} cannot be copied by copy.deepcopy"):
            tried = copy.deepcopy(loss)
        for size, predictions in _trials(tried, name, detector):
            for truth in (scene(size), one_small(size), nothing()):
                _check_terms(tried, name, predictions, truth)
            _check_targets(tried, name, predictions, scene(size))
            _check_half(tried, name, predictions, scene(size))
            _check_devices(tried, name, predictions, scene(size))
        if isinstance(tried, nn.Module):
            _check_module(tried, name, predictions, scene(size))


def _trials(loss: Any, name: str, detector: Detector | None) -> list[tuple[tuple[int, int], Any]]:
    """Image sizes and the predictions for three images of each."""
    if detector is None:
        anchors = anchors_of(loss)
        require(anchors is not None, f"{name}.anchors is no Anchors; pass a `detector` to make the predictions")
        assert anchors is not None
        stride = max(anchors.strides)
        sizes = [(4 * stride, 4 * stride), (4 * stride, 6 * stride)]
        return [(size, random_predictions(anchors, size)) for size in sizes]
    network: Any = copy_of(as_module(detector), type(detector).__name__).eval()
    fixed, stride = fixed_size_of(detector), detector.stride
    sizes = [(4 * stride, 4 * stride), (4 * stride, 6 * stride)] if fixed is None else [fixed]
    with torch.no_grad():
        return [(size, network(torch.rand(3, in_channels_of(detector), *size))) for size in sizes]


def _converted(predictions: Any, **to: Any) -> Any:
    """The predictions as leaves, of another type or on another device, that take a gradient."""
    if isinstance(predictions, Tensor):
        return predictions.detach().clone().to(**to).requires_grad_()
    return tuple(_converted(each, **to) for each in predictions)


def _check_terms(loss: Any, name: str, predictions: Any, truth: GroundTruth) -> dict[str, Tensor]:
    leaves = _converted(predictions)
    count = f"{len(truth)} objects" if len(truth) else "a batch without objects"
    with unchanged(name, predictions=leaves, truth=truth), step(f"{name}.terms does not take {count}"):
        terms = loss.terms(leaves, truth)
    is_dict = isinstance(terms, dict) and bool(terms)
    require(is_dict, f"{name}.terms gives a {type(terms).__name__}; it must be a dict of named scalars")
    for term, value in terms.items():
        is_scalar = isinstance(value, Tensor) and value.ndim == 0
        require(is_scalar, f"{name}.terms gives {term!r} that is no scalar tensor")
        require_finite(value, f"{name}.terms gives {term!r} of {value.item()}, for {count}")
    value = loss(leaves, truth)
    total = torch.stack(list(terms.values())).sum()
    require_close(value, total, f"{name} gives {value.item():g} for {count}, its terms sum to {total.item():g}")
    require(value.requires_grad, f"{name} gives a loss without a gradient for {count}")
    _check_gradient(name, value, leaves, count)
    return terms


def _check_gradient(name: str, value: Tensor, leaves: Any, count: str) -> None:
    tensors = [tensor for _, tensor in tensors_in(leaves)]
    gradients: Sequence[Tensor | None] = torch.autograd.grad(value, tensors, allow_unused=True)
    for number, gradient in enumerate(gradients):
        require(gradient is not None, f"{name} does not depend on predictions {number}, for {count}")
        require_finite(gradient, f"{name} has a gradient that is not finite in predictions {number}, for {count}")
    moves = any(bool((gradient != 0).any()) for gradient in gradients if gradient is not None)
    require(moves, f"{name} has a gradient of 0 everywhere, for {count}")


def _check_targets(loss: Any, name: str, predictions: Any, truth: GroundTruth) -> None:
    with step(f"{name}.assign fails"):
        targets = loss.assign(predictions, truth)
    with unchanged(name, targets=targets), step(f"{name} does not take the targets of its own `assign`"):
        value = loss(predictions, targets)
    sentence = f"{name} is not the same for objects and for the targets that it assigns to them"
    require_close(value, loss(predictions, truth), sentence)
    require_close(loss(predictions, targets), value, f"{name} is another one when it is asked again")


def _check_half(loss: Any, name: str, predictions: Any, truth: GroundTruth) -> None:
    half = _converted(predictions, dtype=torch.bfloat16)
    with step(f"{name} does not take predictions in bfloat16"):
        value = loss(half, truth)
    _check_gradient(name, value, half, "predictions in bfloat16")
    sentence = f"{name} is less exact for predictions in bfloat16 than for their values in float32"
    require_close(value.float(), loss(_converted(half, dtype=torch.float32), truth), sentence, 0.01)


def _check_devices(loss: Any, name: str, predictions: Any, truth: GroundTruth) -> None:
    for device in other_devices():
        moved = loss.to(device) if isinstance(loss, nn.Module) else loss
        with step(f"{name} does not run on {device}, with objects on the CPU"):
            value = moved(_converted(predictions, device=device), truth)
        require(value.device.type == device, f"{name} gives a loss on {value.device} for predictions on {device}")
        if isinstance(loss, nn.Module):
            loss.to("cpu")


def _check_module(loss: Any, name: str, predictions: Any, truth: GroundTruth) -> None:
    """Check the parameters of a loss that learns."""
    loss.zero_grad()
    value = loss(predictions, truth)
    if any(parameter.requires_grad for parameter in loss.parameters()):
        value.backward()
        require_gradients(loss, name)
    other = copy.deepcopy(loss)
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.zero_()
    with step(f"{name} does not load the state_dict of another one like it"):
        other.load_state_dict(loss.state_dict())
    require_close(other(predictions, truth), value, f"{name} is another one after its state_dict is saved and loaded")
