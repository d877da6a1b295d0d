"""The default recipe: every scale has a responsible anchor for every object."""

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

    Each term is a mean over its own members of a scale (the background, or the positives), summed over the scales. At
    416 x 416 there are 10,647 slots, and an object is positive in at most three of them.

    Args:
        anchors: Anchors of the detector.
        objectness_target: Objectness that a positive should have: ``binary`` is 1, ``iou`` the IoU of its predicted
            box with the object.
        assigner: Policy that decides which slots are positive and which are ignored.
        box: Term of the boxes at positives.
        objectness: Term of the objectness logits, of positives and background alike.
        classes: Term of the class logits at positives.
        background_weight: Weight of the objectness of background. The four default weights are those of the tutorial
            that ``docs/from_tutorial.md`` compares with.
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
        """`assigner`; other recipes make theirs from numbers."""
        return self.assigner

    def terms_of(self, pairs: Sequence[Pair]) -> dict[str, Tensor]:
        """Background, objectness, box and classes: the mean of each scale, summed over the scales."""
        per_scale = [self._scale_terms(scale, targets) for scale, targets in pairs]
        background, objectness, box, classes = zip(*per_scale, strict=True)  # of each term the values of all scales
        return {
            "background": self.background_weight * torch.stack(background).sum(),
            "objectness": self.objectness_weight * torch.stack(objectness).sum(),
            "box": self.box_weight * torch.stack(box).sum(),
            "classes": self.class_weight * torch.stack(classes).sum(),
        }

    def _scale_terms(self, scale: ScaleOutput, targets: Targets) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Background, objectness, box and classes of one scale, unweighted."""
        positives = scale.at(targets.slots)  # (P, 5 + C): the predictions that answer for an object
        is_background = targets.background  # (B, A, S, S): neither positive nor ignored
        if self.objectness_target == "iou":
            wanted = overlap(positives, targets).detach()  # a target: no gradient goes through it
        else:
            wanted = torch.ones_like(positives.objectness)
        background = self.objectness(scale.objectness, torch.zeros_like(scale.objectness)) * is_background
        return (
            average(background, is_background.sum()),
            average(self.objectness(positives.objectness, wanted) * targets.weights, len(targets)),
            average(self.box(positives, targets) * targets.weights, len(targets)),
            average(self.classes(positives.classes, targets.labels) * targets.weights, len(targets)),
        )
