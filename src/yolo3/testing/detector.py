"""What a detector owes."""

import tempfile
from typing import Any

import torch
from torch import Tensor, nn

from yolo3.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from yolo3.protocols import Detector, anchors_of, fixed_size_of, in_channels_of
from yolo3.structures import Candidates
from yolo3.testing.asking import repeatable, require, require_close, require_finite, step, tensors_in, unchanged
from yolo3.testing.network import check_network, copy_of, images_of


def check_detector(detector: Detector) -> None:
    """Check that a network is a detector that this library can train, save, run and export.

    Checked are: the attributes of `Detector`; predictions at two image sizes, alike in training and evaluation; for a
    detector with anchors, their shapes; decoding; a gradient on every parameter; a batch of no images; an image that
    does not depend on the others of its batch; bfloat16; the accelerator, where the machine has one; inputs that stay
    as they are; a checkpoint that is saved and loaded; ``torch.export``.

    Args:
        detector: Detector to check. It is not changed.

    Raises:
        AssertionError: Something is missing; the message says what.
    """
    name = type(detector).__name__
    require(isinstance(detector, nn.Module), f"{name} is no nn.Module")
    assert isinstance(detector, nn.Module)
    for attribute in ("num_classes", "stride"):
        value = getattr(detector, attribute, None)
        require(isinstance(value, int) and value > 0, f"{name}.{attribute} is {value!r}; it must be a positive int")
    require(callable(getattr(detector, "decode", None)), f"{name} has no method `decode`")
    channels, stride, fixed = in_channels_of(detector), detector.stride, fixed_size_of(detector)
    sizes = [(2 * stride, 2 * stride), (2 * stride, 3 * stride)] if fixed is None else [fixed]
    with repeatable():
        check_network(
            detector,
            name,
            channels,
            sizes,
            stride,
            lambda predictions, images: _check_predictions(detector, name, predictions, images),
            fixed is not None,
        )
        for size in sizes:
            _check_decoding(copy_of(detector, name).eval(), name, images_of(channels, size))
        _check_checkpoint(copy_of(detector, name), name, images_of(channels, sizes[0]), sizes[0])


def _check_predictions(detector: Detector, name: str, predictions: Any, images: Tensor) -> None:
    plain = isinstance(predictions, Tensor) or (
        isinstance(predictions, tuple) and all(isinstance(each, Tensor) for each in predictions)
    )
    require(plain, f"{name} gives a {type(predictions).__name__}; predictions are a tensor or a tuple of tensors")
    anchors = anchors_of(detector)
    if anchors is None:
        return
    found = [tuple(tensor.shape) for _, tensor in tensors_in(predictions)]
    height, width = images.shape[2:]
    columns = 5 + detector.num_classes
    expected = [(len(images), len(sizes), height // s, width // s, columns) for sizes, s in anchors]
    require(found == expected, f"{name} gives predictions of {found}; its anchors ask for {expected}, coarse to fine")


def _check_decoding(detector: Any, name: str, images: Tensor) -> None:
    with torch.no_grad():
        predictions = detector(images)
        with unchanged(f"{name}.decode", predictions=predictions), step(f"{name}.decode fails on its own predictions"):
            candidates = detector.decode(predictions)
        _check_candidates(candidates, name, len(images), detector.num_classes)
        with step(f"{name}.decode fails on a batch of no images"):
            nothing = detector.decode(detector(images[:0]))
        _check_candidates(nothing, name, 0, detector.num_classes)
        half = detector.to(torch.bfloat16)
        with step(f"{name}.decode fails in bfloat16"):
            candidates = half.decode(half(images.to(torch.bfloat16)))
        _check_candidates(candidates, name, len(images), detector.num_classes)


def _check_candidates(candidates: Any, name: str, batch_size: int, num_classes: int) -> None:
    given = type(candidates).__name__
    require(isinstance(candidates, Candidates), f"{name}.decode gives a {given}; it must be Candidates")
    boxes, scores = candidates.boxes, candidates.scores
    fits = boxes.ndim == scores.ndim == 3 and boxes.shape[:2] == scores.shape[:2] and len(boxes) == batch_size
    shapes = f"boxes {tuple(boxes.shape)} and scores {tuple(scores.shape)}"
    expected = f"(B, N, 4) and (B, N, {num_classes}) with B {batch_size}"
    columns = boxes.shape[-1] == 4 and scores.shape[-1] == num_classes
    require(fits and columns, f"{name}.decode gives {shapes}; they must be {expected}")
    require_finite(candidates, f"{name}.decode gives numbers that are not finite")


def _check_checkpoint(detector: Any, name: str, images: Tensor, size: tuple[int, int]) -> None:
    detector.eval()
    other = copy_of(detector, name)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        with step(f"{name} cannot be saved"):
            save_checkpoint(folder, detector, ModelCard(image_size=size))
        for tensor in other.state_dict().values():
            tensor.zero_()
        with step(f"{name} cannot be loaded from its own checkpoint"):
            again: Any = load_checkpoint(folder, detector=other)[0]
        require_close(again(images), detector(images), f"{name} predicts something else after it is saved and loaded")
