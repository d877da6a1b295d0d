"""A recipe of Pascal VOC: GIoU boxes and focal objectness, one responsible anchor per object."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from torch import Tensor

from yolo3.assign import BestAnchorOverall
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.losses.anchor_loss import AnchorLoss, Pair
from yolo3.losses.darknet import TermWeights, summed_terms
from yolo3.losses.terms import BoxTerm, ClassTerm, FocalCrossEntropy, IoUBox, LogitTerm, MultiLabelClasses
from yolo3.protocols import Assigner


@dataclass(frozen=True)
class FocalGIoULoss(AnchorLoss):
    """Sums over the batch divided by its size: 1 - GIoU, focal objectness, each class by itself.

    It is a `DarknetLoss` with other terms.

    Args:
        anchors: Anchors of the detector.
        ignore_iou: Predictions that overlap an object at least this much are not background; see `BestAnchorOverall`.
        gamma: Exponent of the focal objectness.
        assigner: Policy that replaces `BestAnchorOverall`.
        box: Term of the boxes.
        objectness: Term of the objectness logits. Default: focal with `gamma`.
        classes: Term of the class logits.
        box_weight: Weight of the box term.
        objectness_weight: Weight of the objectness, of positives and background alike.
        class_weight: Weight of the class term.
    """

    anchors: Anchors = COCO_ANCHORS
    _: KW_ONLY
    ignore_iou: float = 0.5
    gamma: float = 2.0
    assigner: Assigner | None = None
    box: BoxTerm = IoUBox("giou")
    objectness: LogitTerm | None = None
    classes: ClassTerm = MultiLabelClasses()
    box_weight: float = 1.0
    objectness_weight: float = 1.0
    class_weight: float = 1.0

    @property
    def policy(self) -> Assigner:
        """`assigner`, or the policy of the paper."""
        return BestAnchorOverall(self.ignore_iou) if self.assigner is None else self.assigner

    def terms_of(self, pairs: Sequence[Pair]) -> dict[str, Tensor]:
        """Box, objectness and classes; see `summed_terms`."""
        objectness = FocalCrossEntropy(self.gamma) if self.objectness is None else self.objectness
        weights = TermWeights(self.box_weight, self.objectness_weight, self.class_weight)
        return summed_terms(pairs, self.box, objectness, self.classes, weights)
