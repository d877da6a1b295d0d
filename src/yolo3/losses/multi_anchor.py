"""The 2020 PyTorch recipe: many anchors per object, and objectness averaged over every slot."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

import torch
from torch import Tensor

from yolo3.assign import AnchorsAboveIoU
from yolo3.assign.grid import last_in_slot
from yolo3.boxes import COCO_ANCHORS, Anchors, Overlap
from yolo3.choices import check_choice
from yolo3.losses.anchor_loss import AnchorLoss, Pair
from yolo3.losses.terms import (
    BinaryCrossEntropy,
    BoxTerm,
    ClassTerm,
    FocalCrossEntropy,
    IoUBox,
    LogitTerm,
    MultiLabelClasses,
    average,
    overlap,
)
from yolo3.protocols import Assigner
from yolo3.structures import ScaleOutput, Targets

Reduction = Literal["mean", "sum"]
"""Means over the members of each scale, or sums that are divided by the positives of all scales."""


@dataclass(frozen=True)
class MultiAnchorLoss(AnchorLoss):
    """Every anchor that fits an object is responsible for it; one mean of the objectness for background and positives.

    Args:
        anchors: Anchors of the detector.
        objectness_iou_ratio: Ratio r in the objectness target of a positive, (1 - r) + r · overlap, where overlap is
            that of its predicted box, at least 0.
        objectness_overlap: Kind of that overlap, see `box_iou`. The original program takes the kind of its box term.
            Default: the kind of `box` where that is an `IoUBox`, otherwise GIoU.
        focal_gamma: Exponent of the focal loss of classes and objectness, with alpha 0.25. Default: 0, no focal loss.
        label_smoothing: Label smoothing ε: class targets are 1 - ε/2 and ε/2.
        objectness_pos_weight: Weight of the positive part in the cross-entropy of the objectness.
        class_pos_weight: Weight of the positive part in the cross-entropy of the classes.
        reduction: ``mean`` averages over a scale's own members; ``sum`` divides by the positives of all scales, and
            objectness by the batch size.
        assigner: Policy that decides which slots are positive.
        box: Term of the boxes.
        objectness: Term of the objectness logits. Default: made from the numbers above.
        classes: Term of the class logits, summed over classes. Default: made from the numbers above.
        box_weight: Weight of the box term.
        objectness_weight: Weight of the objectness.
        class_weight: Weight of the class term.

    Raises:
        ValueError: An unknown `reduction` or `objectness_overlap`, a part that is not built.
    """

    anchors: Anchors = COCO_ANCHORS
    _: KW_ONLY
    objectness_iou_ratio: float = 0.0
    objectness_overlap: Overlap | None = None
    focal_gamma: float = 0.0
    label_smoothing: float = 0.0
    objectness_pos_weight: float = 1.0
    class_pos_weight: float = 1.0
    reduction: Reduction = "mean"
    assigner: Assigner = AnchorsAboveIoU()
    box: BoxTerm = IoUBox("giou")
    objectness: LogitTerm | None = None
    classes: ClassTerm | None = None
    # the weights of the original program, for means over the members of each scale
    box_weight: float = 3.54
    objectness_weight: float = 64.3
    class_weight: float = 37.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("reduction", self.reduction, Reduction)
        if self.objectness_overlap is not None:
            check_choice("objectness_overlap", self.objectness_overlap, Overlap)

    @property
    def policy(self) -> Assigner:
        """The policy that was given."""
        return self.assigner

    def terms_of(self, pairs: Sequence[Pair]) -> dict[str, Tensor]:
        """Box, objectness and classes, reduced over each scale and summed over the scales."""
        num_positives = sum(len(targets) for _, targets in pairs)
        box, objectness, classes = zip(*(self._scale_terms(*each, num_positives) for each in pairs), strict=True)
        return {
            "box": self.box_weight * torch.stack(box).sum(),
            "objectness": self.objectness_weight * torch.stack(objectness).sum(),
            "classes": self.class_weight * torch.stack(classes).sum(),
        }

    def _scale_terms(self, scale: ScaleOutput, targets: Targets, num_positives: int) -> tuple[Tensor, Tensor, Tensor]:
        positives = scale.at(targets.slots)
        num_classes = scale.classes.shape[-1]
        box = self.box(positives, targets) * targets.weights
        objectness = self._objectness(scale, positives, targets)
        if num_classes > 1:
            classes = self._class_term()(positives.classes, targets.labels) * targets.weights
        else:
            classes = positives.classes.sum(dim=1) * 0  # a single class has nothing to tell apart
        if self.reduction == "mean":
            count = len(targets)
            return average(box, count), average(objectness, objectness.numel()), average(classes, count * num_classes)
        batch_size = len(scale.logits)
        # 3 is the original program's factor of all sums
        return (
            average(3 * box, num_positives),
            average(3 * objectness, batch_size),
            average(3 * classes, num_positives * num_classes),
        )

    def _objectness(self, scale: ScaleOutput, positives: ScaleOutput, targets: Targets) -> Tensor:
        """(B, A, S, S) values; where objects share a slot, the last one counts."""
        wanted = torch.ones_like(positives.objectness)
        if self.objectness_iou_ratio > 0:
            reached = overlap(positives, targets, self._objectness_overlap()).detach().clamp(min=0)
            wanted = (1 - self.objectness_iou_ratio) + self.objectness_iou_ratio * reached
        last = last_in_slot(targets.slots, targets.ignore.shape)
        slots = targets.slots.unbind(1)
        target = torch.zeros_like(scale.objectness)
        target[slots] = wanted[last]
        weight = torch.ones_like(scale.objectness)
        weight[slots] = targets.weights[last]
        return self._logit_term(self.objectness_pos_weight, self.objectness)(scale.objectness, target) * weight

    def _objectness_overlap(self) -> Overlap:
        if self.objectness_overlap is not None:
            return self.objectness_overlap
        return self.box.kind if isinstance(self.box, IoUBox) else "giou"

    def _logit_term(self, pos_weight: float, own: LogitTerm | None = None) -> LogitTerm:
        if own is not None:
            return own
        if self.focal_gamma > 0:
            # alpha of RetinaNet, arXiv 1708.02002 §5.1
            return FocalCrossEntropy(self.focal_gamma, alpha=0.25, pos_weight=pos_weight)
        return BinaryCrossEntropy(pos_weight)

    def _class_term(self) -> ClassTerm:
        if self.classes is not None:
            return self.classes
        return MultiLabelClasses(self._logit_term(self.class_pos_weight), self.label_smoothing)
