"""The exported graph: a detector as a function of tensors, traced, and the facts that a user needs."""

import copy
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from yolo3 import __version__
from yolo3.checkpoint import ModelCard
from yolo3.checks.finite import unusable_numbers
from yolo3.protocols import Detector, anchors_of, as_module, class_activation_of, in_channels_of
from yolo3.structures import check_image_size


class Logits(nn.Module):
    """Images (B, C, H, W) -> a detector's predictions of every scale: ``logits_0``, ``logits_1``, … coarse to fine."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Predict."""
        predictions = self.detector(images)
        scales = (predictions,) if isinstance(predictions, Tensor) else predictions
        return {f"logits_{scale}": logits for scale, logits in enumerate(scales)}


class Decoded(nn.Module):
    """Images (B, C, H, W) -> candidates: ``boxes`` (B, N, 4) in pixels of the input and ``scores`` (B, N, C)."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Predict and decode."""
        candidates = self.detector.decode(self.detector(images))
        return {"boxes": candidates.boxes, "scores": candidates.scores}


def portable(detector: Detector) -> Detector:
    """A copy as it is exported: in evaluation mode, on the CPU, in float32.

    Raises:
        ValueError: No `nn.Module`, or one with weights that are not finite.
    """
    network: Any = as_module(detector)
    if unusable := unusable_numbers(network.state_dict().items()):
        raise ValueError(f"this {type(detector).__name__} cannot be exported: {unusable}")
    return copy.deepcopy(network).eval().cpu().float()


def trace(network: nn.Module, detector: Detector, fixed_size: tuple[int, int] | None = None) -> ExportedProgram:
    """The graph of a network, for batches of any size.

    Args:
        network: `Logits` or `Decoded`.
        detector: Detector inside the network.
        fixed_size: (height, width) of all images; None is any multiples of the detector's stride.

    Raises:
        ValueError: A network that cannot be traced.
    """
    stride = detector.stride
    height, width = fixed_size or (2 * stride, 3 * stride)  # unlike and above one, or it would be traced as special
    axes: dict[int, Any] = {0: Dim("batch")}
    if fixed_size is None:
        axes |= {2: stride * Dim("rows", min=1), 3: stride * Dim("columns", min=1)}
    try:
        images = torch.zeros(2, in_channels_of(detector), height, width)
        with torch.no_grad():
            return torch.export.export(network, (images,), dynamic_shapes=(axes,))
    except (RuntimeError, ValueError) as error:
        what = "a fixed size" if fixed_size else "images of any size (dynamic_size=False may do)"
        raise ValueError(f"{type(detector).__name__} cannot be exported for {what}: {first_line(error)}") from error


def facts(detector: Detector, card: ModelCard, kind: str) -> dict[str, Any]:
    """The facts that a user of an exported detector needs, in plain types.

    Raises:
        ValueError: A card that does not fit the detector.
    """
    card.check_fits(detector.num_classes)
    check_image_size(card.image_size, detector.stride)
    anchors = anchors_of(detector)
    return {
        "yolo3_version": __version__,
        "kind": kind,
        "names": list(card.names),
        "category_ids": None if card.category_ids is None else list(card.category_ids),
        "num_classes": detector.num_classes,
        "in_channels": in_channels_of(detector),
        "image_size": list(card.image_size),
        "letterbox": card.letterbox,
        "stride": detector.stride,
        "anchors": None if anchors is None else asdict(anchors),
        "class_activation": class_activation_of(detector),
    }


def first_line(error: Exception) -> str:
    """First line of an error message: torch's run to pages."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
