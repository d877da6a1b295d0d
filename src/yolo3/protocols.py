"""The verbs: what a detector, an assigner and a loss must be able to do. Anything that fits may be passed in."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

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

    def __call__(self, images: Tensor) -> Predictions:
        """(B, 3, H, W) images in [0, 1] -> predictions, alike in training and evaluation."""
        ...

    def decode(self, predictions: Predictions) -> Candidates:
        """Predictions -> boxes with scores."""
        ...


class Assigner(Protocol):
    """A policy that decides which slots answer for which object."""

    def __call__(self, truth: GroundTruth, scales: Sequence[ScaleOutput]) -> list[Targets]:
        """The targets of every scale; a policy may look at the predictions or only at the grids and anchors."""
        ...


class DetectionLoss(Protocol):
    """How wrong predictions are."""

    def __call__(self, predictions: Predictions, targets: GroundTruth | Sequence[Targets] | Sequence[Tensor]) -> Tensor:
        """The loss, a scalar: the sum of `terms`."""
        ...

    def terms(
        self, predictions: Predictions, targets: GroundTruth | Sequence[Targets] | Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """The same loss by parts, each a weighted scalar."""
        ...

    def assign(self, predictions: Predictions, truth: GroundTruth) -> list[Targets]:
        """The targets that the loss would compare these predictions with."""
        ...
