"""A recipe of Pascal VOC: GIoU boxes and focal objectness, one anchor of all an object."""

from dataclasses import KW_ONLY, dataclass

from torch import Tensor

from yolo3.assign import BestAnchorOverall
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.losses.pairing import AnyTargets, assign, pair
from yolo3.losses.summing import summed_terms
from yolo3.losses.terms import BoxTerm, ClassTerm, FocalCrossEntropy, IoUBox, LogitTerm, MultiLabelClasses, total
from yolo3.protocols import Assigner, Predictions
from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class FocalGIoULoss:
    """Sums over the batch divided by its size: 1 - GIoU, focal objectness, each class by itself.

    Args:
        anchors: of the detector.
        ignore_iou: predictions that overlap an object so much are not background; see `BestAnchorOverall`.
        gamma: of the focal objectness.
        assigner: decides in place of `BestAnchorOverall`, when objects are given.
        box: how far a box is from its object.
        objectness: how far an objectness logit is from its target; None is focal with `gamma`.
        classes: how far class logits are from a label.
    """

    anchors: Anchors = COCO_ANCHORS
    _: KW_ONLY
    ignore_iou: float = 0.5
    gamma: float = 2.0
    assigner: Assigner | None = None
    box: BoxTerm = IoUBox("giou")
    objectness: LogitTerm | None = None
    classes: ClassTerm = MultiLabelClasses()

    def __call__(self, predictions: Predictions, targets: AnyTargets) -> Tensor:
        """The loss, a scalar; arguments as in `terms`."""
        return total(self.terms(predictions, targets))

    def terms(self, predictions: Predictions, targets: AnyTargets) -> dict[str, Tensor]:
        """The loss by parts: box, objectness, classes.

        Args:
            predictions: (B, A, S, S, 5 + C) logits a scale.
            targets: a `GroundTruth` (assigned here, on the device), or a scale each `Targets` or dense targets.

        Raises:
            ValueError: targets that do not fit the predictions, an object that no target can be made of.
        """
        pairs = pair(predictions, targets, self.anchors, self._policy())
        objectness = FocalCrossEntropy(self.gamma) if self.objectness is None else self.objectness
        return summed_terms(pairs, self.box, objectness, self.classes)

    def assign(self, predictions: Predictions, truth: GroundTruth) -> list[Targets]:
        """The targets of every scale."""
        return assign(self._policy(), ScaleOutput.from_predictions(predictions, self.anchors), truth)

    def _policy(self) -> Assigner:
        return BestAnchorOverall(self.ignore_iou) if self.assigner is None else self.assigner
