"""The verbs: what a detector, an assigner and a loss must be able to do. Anything that fits may be passed in."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from torch import Tensor, nn

from yolo3.boxes import Anchors
from yolo3.structures import Candidates, GroundTruth, ScaleOutput, Targets

Predictions = tuple[Tensor, ...]
"""Predictions of an anchor detector: (B, A, S, S, 5 + C) logits per scale, coarse to fine."""

ClassActivation = Literal["sigmoid", "softmax"]
"""Conversion of class logits to probabilities: each class by itself, or all classes against each other."""

_RGB = 3


@runtime_checkable
class Detector(Protocol):
    """A network that finds objects; an `nn.Module`.

    Some detectors say more about themselves. Each of these attributes is optional, and is read by one function only:

    - ``anchors``: an `Anchors`, its anchors, where it has any (`anchors_of`).
    - ``in_channels``: an int, the channels of its images; 3 where it does not say (`in_channels_of`).
    - ``image_size``: (height, width) in pixels of the input it was made for (`image_size_of`).
    - ``fixed_size``: (height, width) in pixels that every image must have (`fixed_size_of`).
    - ``class_activation``: a `ClassActivation`; ``sigmoid`` where it does not say (`class_activation_of`).
    - ``backbone``: an `nn.Module`, the part of it that may be frozen (`backbone_of`).
    """

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        ...

    @property
    def stride(self) -> int:
        """Pixels. The height and width of an input must be multiples of it."""
        ...

    def __call__(self, images: Tensor) -> Any:
        """(B, C, H, W) images in [0, 1] -> predictions, alike in training and evaluation.

        They are plain tensors: `Predictions` of an anchor detector, one tensor of YOLOv1. Only its own `decode` and the
        losses made for it read them.
        """
        ...

    def decode(self, predictions: Any) -> Candidates:
        """Predictions -> boxes with scores."""
        ...


class Assigner(Protocol):
    """A policy that decides which slots are responsible for which object."""

    def __call__(self, truth: GroundTruth, scales: Sequence[ScaleOutput]) -> list[Targets]:
        """The targets of every scale; a policy may look at the predictions or only at the grids and anchors."""
        ...


class DetectionLoss(Protocol):
    """How wrong predictions are."""

    def __call__(self, predictions: Any, targets: Any) -> Tensor:
        """The loss, a scalar: the sum of `terms`."""
        ...

    def terms(self, predictions: Any, targets: Any) -> dict[str, Tensor]:
        """The same loss by parts, each a weighted scalar.

        Args:
            predictions: Output of the kind of detector that the loss is made for.
            targets: A `GroundTruth`, or what `assign` makes of one.
        """
        ...

    def assign(self, predictions: Any, truth: GroundTruth) -> Any:
        """The targets that the loss would compare these predictions with."""
        ...


def as_module(detector: Detector) -> nn.Module:
    """The detector as the `nn.Module` that it is.

    Raises:
        ValueError: A detector that is none.
    """
    if not isinstance(detector, nn.Module):
        raise ValueError(f"a detector is an nn.Module, not a {type(detector).__name__}")
    return detector


def anchors_of(detector: object) -> Anchors | None:
    """The anchors of an anchor detector; None where it has none."""
    anchors = getattr(detector, "anchors", None)
    return anchors if isinstance(anchors, Anchors) else None


def in_channels_of(network: object) -> int:
    """The number of channels of the images that a detector or a backbone takes."""
    return getattr(network, "in_channels", _RGB)


def image_size_of(detector: object) -> tuple[int, int] | None:
    """(height, width) in pixels of the input that a detector was made for; None where it does not say."""
    return getattr(detector, "image_size", None)


def fixed_size_of(detector: object) -> tuple[int, int] | None:
    """(height, width) in pixels that every image must have; None where any multiples of the stride will do."""
    return getattr(detector, "fixed_size", None)


def class_activation_of(detector: object) -> ClassActivation:
    """How the class logits of an anchor detector become probabilities."""
    return getattr(detector, "class_activation", "sigmoid")


def backbone_of(detector: object) -> nn.Module | None:
    """The backbone of a detector; None where it names none."""
    backbone = getattr(detector, "backbone", None)
    return backbone if isinstance(backbone, nn.Module) else None
