"""The shared body of recipes for anchor detectors: from predictions and ground truth to predictions and targets."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeAlias, cast

from torch import Tensor

from yolo3.assign.grid import image_size
from yolo3.assign.truth import check_targets, check_truth
from yolo3.boxes import Anchors
from yolo3.losses.terms import total
from yolo3.protocols import Assigner, Predictions
from yolo3.structures import GroundTruth, ScaleOutput, Targets

AnyTargets: TypeAlias = GroundTruth | Sequence[Targets] | Sequence[Tensor]
"""Ground truth, or for each scale `Targets` or dense (B, A, S, S, 6) targets."""

Pair: TypeAlias = tuple[ScaleOutput, Targets]
"""The predictions of one scale and the targets they are compared with."""


class AnchorLoss(ABC):
    """A loss for anchor detectors: a policy makes targets of objects, and terms compare the predictions with them.

    A recipe is a frozen dataclass that has `anchors`, a `policy` and `terms_of`; the rest is the same for all.
    """

    anchors: Anchors

    def __post_init__(self) -> None:
        check_parts(self)

    @property
    @abstractmethod
    def policy(self) -> Assigner:
        """The assigner, which decides which slots are responsible for which objects."""

    @abstractmethod
    def terms_of(self, pairs: Sequence[Pair]) -> dict[str, Tensor]:
        """Weighted scalars by name, from the pairs of every scale, coarse to fine."""

    def __call__(self, predictions: Predictions, targets: AnyTargets) -> Tensor:
        """The loss, a scalar: the sum of `terms`, which takes the same arguments."""
        return total(self.terms(predictions, targets))

    def terms(self, predictions: Predictions, targets: AnyTargets) -> dict[str, Tensor]:
        """The loss by parts, each a weighted scalar: box, objectness, classes, and background where it is kept apart.

        Args:
            predictions: (B, A, S, S, 5 + C) logits per scale.
            targets: A `GroundTruth` (assigned here, on the device), or `Targets` or dense targets for every scale.

        Raises:
            ValueError: Targets that do not fit the predictions, an object that no target can be made of.
        """
        scales = ScaleOutput.from_predictions(predictions, self.anchors)
        if isinstance(targets, GroundTruth):
            return self.terms_of(list(zip(scales, self._assigned(scales, targets), strict=True)))
        return self.terms_of(_paired(scales, targets))

    def assign(self, predictions: Predictions, truth: GroundTruth) -> list[Targets]:
        """The targets of every scale, coarse to fine, on the device of the predictions.

        Raises:
            ValueError: An object that no target can be made of; the message names the box.
        """
        return self._assigned(ScaleOutput.from_predictions(predictions, self.anchors), truth)

    def _assigned(self, scales: Sequence[ScaleOutput], truth: GroundTruth) -> list[Targets]:
        finest = scales[-1].logits
        num_classes = scales[-1].classes.shape[-1]
        truth = truth.to(finest.device)
        truth = check_truth(truth, image_size(scales[-1]), num_classes, len(finest), finest.dtype)
        return self.policy(truth, scales)


_PARTS = ("assigner", "box", "objectness", "classes")


def check_parts(recipe: AnchorLoss) -> None:
    """Refuse parts that are passed in by a name or as a class, before a batch is lost to them.

    Raises:
        ValueError: Anchors that are no `Anchors`, a part that cannot be called, a class in place of a built part.
    """
    own = type(recipe).__name__
    if not isinstance(recipe.anchors, Anchors):
        given = f"{recipe.anchors!r:.40}"
        raise ValueError(f"anchors of {own} is {given}; pass those of the detector: {own}(detector.anchors)")
    for name in _PARTS:
        part = getattr(recipe, name, None)
        if isinstance(part, type):
            raise ValueError(f"{name} of {own} is the class {part.__name__}; pass a built one: {part.__name__}()")
        if part is not None and not callable(part):
            example = f", as in {name}=IoUBox('ciou')" if name == "box" else ""
            raise ValueError(f"{name} of {own} is {part!r}; pass a built part{example}")


def _paired(scales: Sequence[ScaleOutput], targets: Sequence[Targets] | Sequence[Tensor]) -> list[Pair]:
    """The predictions of every scale beside targets that were made before.

    Raises:
        ValueError: Targets of other scales or grids than the predictions, or invalid ones; see `check_targets`.
    """
    members = targets if isinstance(targets, Sequence) else [targets]
    strange = [type(each).__name__ for each in members if not isinstance(each, Targets | Tensor)]
    if strange or members is not targets:
        given = f"hold a {strange[0]}" if strange else "are one tensor"
        scales_need = "Targets or a dense tensor for every scale"
        raise ValueError(f"targets {given}; pass one GroundTruth for the batch, or {scales_need}")
    if len(targets) != len(scales):
        raise ValueError(f"targets of {len(targets)} scales for predictions of {len(scales)}")
    pairs = []
    for scale, target in zip(scales, targets, strict=True):
        if isinstance(target, Tensor):
            target = Targets.from_dense(target.to(scale.logits), scale.stride)
        pairs.append((scale, check_targets(cast(Targets, target), scale)))
    return pairs
