"""The loss of the paper's own program."""

from dataclasses import KW_ONLY, dataclass

from torch import Tensor

from yolo3.assign import BestAnchorOverall
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.losses.pairing import AnyTargets, assign, pair
from yolo3.losses.summing import summed_terms
from yolo3.losses.terms import BinaryCrossEntropy, BoxTerm, ClassTerm, DarknetBox, LogitTerm, MultiLabelClasses, total
from yolo3.protocols import Assigner, Predictions
from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class DarknetLoss:
    """Darknet's hand-written gradient, as a loss whose derivative it is; summed over the batch, divided by its size.

    Args:
        anchors: of the detector.
        ignore_iou: predictions that overlap an object so much are not background; see `BestAnchorOverall`.
        assigner: decides in place of `BestAnchorOverall`, when objects are given.
        box: how far a box is from its object.
        objectness: how far an objectness logit is from its target.
        classes: how far class logits are from a label.

    Source:
        YOLOv3, arXiv 1804.02767 §2; Darknet's ``forward_yolo_layer``.
    """

    anchors: Anchors = COCO_ANCHORS
    _: KW_ONLY
    ignore_iou: float = 0.7
    assigner: Assigner | None = None
    box: BoxTerm = DarknetBox()
    objectness: LogitTerm = BinaryCrossEntropy()
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
        return summed_terms(pairs, self.box, self.objectness, self.classes)

    def assign(self, predictions: Predictions, truth: GroundTruth) -> list[Targets]:
        """The targets of every scale."""
        return assign(self._policy(), ScaleOutput.from_predictions(predictions, self.anchors), truth)

    def _policy(self) -> Assigner:
        return BestAnchorOverall(self.ignore_iou) if self.assigner is None else self.assigner
