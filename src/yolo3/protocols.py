"""The verbs: what a detector, an assigner and a loss must be able to do. Anything that fits may be passed in."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from yolo3.structures import Candidates, GroundTruth, ScaleOutput, Targets

Predictions = tuple[Tensor, ...]
"""Of an anchor detector: (B, A, S, S, 5 + C) logits a scale, coarse to fine."""


@runtime_checkable
class Detector(Protocol):
    """A network that finds objects; an `nn.Module`. Anchor detectors have `anchors` besides."""

    @property
    def num_classes(self) -> int:
        """How many classes it knows."""
        ...

    @property
    def stride(self) -> int:
        """Pixels: the height and width of an input must be multiples of it."""
        ...

    def __call__(self, images: Tensor) -> Any:
        """(B, 3, H, W) images in [0, 1] -> predictions, alike in training and evaluation.

        They are plain tensors: of an anchor detector `Predictions`, of YOLOv1 one tensor. Only its own `decode` and the
        losses made for it read them.
        """
        ...

    def decode(self, predictions: Any) -> Candidates:
        """Predictions -> boxes with scores."""
        ...


class Assigner(Protocol):
    """A policy that decides which slots answer for which object."""

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
            predictions: of the kind of detector that the loss is made for.
            targets: a `GroundTruth`, or what `assign` makes of one.
        """
        ...

    def assign(self, predictions: Any, truth: GroundTruth) -> Any:
        """The targets that the loss would compare these predictions with."""
        ...
