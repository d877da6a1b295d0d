"""A recipe of later years: the predictions choose their slots, and objectness learns how good each box is."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor

from yolo3.assign import TaskAligned
from yolo3.assign.grid import last_in_slot
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.losses.anchor_loss import AnchorLoss, Pair
from yolo3.losses.terms import (
    BoxTerm,
    ClassTerm,
    IoUBox,
    LogitTerm,
    MultiLabelClasses,
    QualityFocal,
    average,
    overlap,
)
from yolo3.protocols import Assigner
from yolo3.structures import ScaleOutput, Targets


@dataclass(frozen=True)
class QualityLoss(AnchorLoss):
    """Objectness learns the IoU of the predicted box, so that the score tells how well an object is located.

    Every term is summed over all scales and divided by the number of positives.

    Args:
        anchors: Anchors of the detector.
        assigner: Policy that decides which slots are positive.
        box: Term of the boxes.
        objectness: Term of the objectness logits, whose target is the IoU at positives and 0 elsewhere.
        classes: Term of the class logits.
        box_weight: Weight of the box term.
        objectness_weight: Weight of the objectness.
        class_weight: Weight of the class term.

    Source:
        Quality as a target: Generalized focal loss, arXiv 2006.04388 §3; CIoU: arXiv 1911.08287; the policy: TOOD,
        arXiv 2108.07755.
    """

    anchors: Anchors = COCO_ANCHORS
    _: KW_ONLY
    assigner: Assigner = TaskAligned()
    box: BoxTerm = IoUBox("ciou")
    objectness: LogitTerm = QualityFocal()
    classes: ClassTerm = MultiLabelClasses()
    box_weight: float = 2.0
    objectness_weight: float = 1.0
    class_weight: float = 1.0

    @property
    def policy(self) -> Assigner:
        """The policy that was given."""
        return self.assigner

    def terms_of(self, pairs: Sequence[Pair]) -> dict[str, Tensor]:
        """Box, objectness and classes over all scales, per positive."""
        at_slots = [scale.at(targets.slots) for scale, targets in pairs]
        positives = ScaleOutput.joined(at_slots)
        wanted = Targets.joined([targets for _, targets in pairs])
        count = len(wanted)
        objectness = torch.stack(
            [self._objectness(scale, at, targets) for (scale, targets), at in zip(pairs, at_slots, strict=True)]
        )
        classes = self.classes(positives.classes, wanted.labels) * wanted.weights
        return {
            "box": self.box_weight * average(self.box(positives, wanted) * wanted.weights, count),
            "objectness": self.objectness_weight * average(objectness, count),
            "classes": self.class_weight * average(classes, count),
        }

    def _objectness(self, scale: ScaleOutput, positives: ScaleOutput, targets: Targets) -> Tensor:
        """The sum over the slots of one scale that are not ignored; where objects share a slot, the last one counts."""
        reached = overlap(positives, targets).detach().clamp(min=0).to(scale.objectness.dtype)
        last = last_in_slot(targets.slots, targets.ignore.shape)
        slots = targets.slots.unbind(1)
        target = torch.zeros_like(scale.objectness)
        target[slots] = reached[last]
        weight = (~targets.ignore).to(target.dtype)
        weight[slots] = targets.weights[last].to(target.dtype)
        return (self.objectness(scale.objectness, target) * weight).sum()
