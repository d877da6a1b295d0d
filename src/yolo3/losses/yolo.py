"""The default recipe of the classes: every scale has a responsible anchor for every object."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor

from yolo3.assign import BestAnchorPerScale
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.choices import ObjectnessTarget, check_choice
from yolo3.losses.anchor_loss import AnchorLoss, Pair
from yolo3.losses.terms import (
    BinaryCrossEntropy,
    BoxTerm,
    ClassTerm,
    CrossEntropyClasses,
    LogitTerm,
    SquaredErrorBox,
    average,
    overlap,
)
from yolo3.protocols import Assigner
from yolo3.structures import ScaleOutput, Targets


@dataclass(frozen=True)
class YoloLoss(AnchorLoss):
    """Every scale learns every object; background and positives are averaged apart, so that neither drowns the other.

    Each term is a mean over its own members of a scale, summed over the scales.

    Args:
        anchors: Anchors of the detector.
        objectness_target: Objectness that a positive should have: ``binary`` 1, ``iou`` the IoU that its box has
            reached.
        assigner: Policy that decides which slots are positive and which are ignored.
        box: Term of the boxes.
        objectness: Term of the objectness logits, of positives and background alike.
        classes: Term of the class logits.
        background_weight: Weight of the objectness of background.
        objectness_weight: Weight of the objectness of positives.
        box_weight: Weight of the box term.
        class_weight: Weight of the class term.

    Raises:
        ValueError: An unknown `objectness_target`, a part that is not built.
    """

    anchors: Anchors = COCO_ANCHORS
    _: KW_ONLY
    objectness_target: ObjectnessTarget = "binary"
    assigner: Assigner = BestAnchorPerScale()
    box: BoxTerm = SquaredErrorBox()
    objectness: LogitTerm = BinaryCrossEntropy()
    classes: ClassTerm = CrossEntropyClasses()
    background_weight: float = 10.0
    objectness_weight: float = 1.0
    box_weight: float = 10.0
    class_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("objectness_target", self.objectness_target, ObjectnessTarget)

    @property
    def policy(self) -> Assigner:
        """The policy that was given."""
        return self.assigner

    def terms_of(self, pairs: Sequence[Pair]) -> dict[str, Tensor]:
        """Background, objectness, box and classes: the mean of each scale, summed over the scales."""
        background, objectness, box, classes = zip(*(self._scale_terms(*each) for each in pairs), strict=True)
        return {
            "background": self.background_weight * torch.stack(background).sum(),
            "objectness": self.objectness_weight * torch.stack(objectness).sum(),
            "box": self.box_weight * torch.stack(box).sum(),
            "classes": self.class_weight * torch.stack(classes).sum(),
        }

    def _scale_terms(self, scale: ScaleOutput, targets: Targets) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        positives = scale.at(targets.slots)
        is_background = targets.background
        if self.objectness_target == "iou":
            wanted = overlap(positives, targets).detach()
        else:
            wanted = torch.ones_like(positives.objectness)
        background = self.objectness(scale.objectness, torch.zeros_like(scale.objectness)) * is_background
        return (
            average(background, is_background.sum()),
            average(self.objectness(positives.objectness, wanted) * targets.weights, len(targets)),
            average(self.box(positives, targets) * targets.weights, len(targets)),
            average(self.classes(positives.classes, targets.labels) * targets.weights, len(targets)),
        )
