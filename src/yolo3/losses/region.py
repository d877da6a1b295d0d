"""The loss of YOLOv2, whose program calls its head a region."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor

from yolo3.assign import BestAnchorInCell
from yolo3.assign.grid import image_size
from yolo3.boxes import Anchors
from yolo3.choices import ObjectnessTarget, check_choice
from yolo3.losses.anchor_loss import AnchorLoss, Pair
from yolo3.losses.terms import (
    ClassTerm,
    CrossEntropyClasses,
    SquaredErrorBox,
    SquaredErrorProbability,
    average,
    overlap,
)
from yolo3.protocols import Assigner
from yolo3.structures import ScaleOutput, Targets

_PRIOR_OFFSETS = (0.5, 0.5, 0.0, 0.0)  # the centre of the cell and the size of the anchor


@dataclass(frozen=True)
class RegionLoss(AnchorLoss):
    """YOLOv2's squared errors, as a loss whose derivative is Darknet's; summed over the batch, divided by its size.

    The defaults are those of ``yolov2.cfg``. A box counts 2 minus its share of the image, as in the last version of
    the original program.

    Args:
        anchors: Anchors of the detector.
        objectness_target: Objectness that a positive should have: ``binary`` 1, ``iou`` the IoU that its box has
            reached. Darknet calls the second ``rescore=1``.
        ignore_iou: Predictions that overlap an object at least this much are not background; Darknet calls it
            ``thresh``.
        assigner: Policy that replaces `BestAnchorInCell`.
        classes: Term of the class logits; for a network without ``softmax=1`` it is `MultiLabelClasses`.
        box_weight: Weight of the box term; Darknet calls it ``coord_scale``.
        objectness_weight: Weight of the objectness of positives; Darknet calls it ``object_scale``.
        background_weight: Weight of the objectness of background; Darknet calls it ``noobject_scale``.
        class_weight: Weight of the class term; Darknet calls it ``class_scale``.
        prior_weight: Weight with which every prediction that is not positive is drawn to the centre of its cell and the
            size of its anchor, as a part of the box term. Darknet uses 0.01 for the first 12,800 images of a training.

    Raises:
        ValueError: An unknown `objectness_target`, a part that is not built.

    Source:
        YOLO9000, arXiv 1612.08242 §2; Darknet's ``forward_region_layer``.
    """

    anchors: Anchors
    _: KW_ONLY
    objectness_target: ObjectnessTarget = "iou"
    ignore_iou: float = 0.6
    assigner: Assigner | None = None
    classes: ClassTerm = CrossEntropyClasses()
    box_weight: float = 1.0
    objectness_weight: float = 5.0
    background_weight: float = 1.0
    class_weight: float = 1.0
    prior_weight: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("objectness_target", self.objectness_target, ObjectnessTarget)

    @property
    def policy(self) -> Assigner:
        """`assigner`, or the policy of YOLOv2."""
        return BestAnchorInCell(self.ignore_iou) if self.assigner is None else self.assigner

    def terms_of(self, pairs: Sequence[Pair]) -> dict[str, Tensor]:
        """Box, objectness, background and classes over all scales."""
        scale, _ = pairs[0]
        height, width = image_size(scale)
        batch_size = len(scale.logits)
        positives = ScaleOutput.joined([scale.at(targets.slots) for scale, targets in pairs])
        wanted = Targets.joined([targets for _, targets in pairs])
        smallness = 2 - wanted.boxes[:, 2] * wanted.boxes[:, 3] / (height * width)
        # the term is a mean over four numbers; the derivative of half of their sum is the difference itself
        box = 2 * SquaredErrorBox()(positives, wanted) * smallness * wanted.weights
        reached = torch.ones_like(positives.objectness)
        if self.objectness_target == "iou":
            reached = overlap(positives, wanted).detach()
        found = SquaredErrorProbability()(positives.objectness, reached) * wanted.weights
        background = torch.stack([_background(*pair) for pair in pairs])
        classes = self.classes(positives.classes, wanted.labels) * wanted.weights
        boxes = self.box_weight * average(box, batch_size)
        if self.prior_weight:
            prior = torch.stack([_distance_to_prior(*pair) for pair in pairs])
            boxes = boxes + self.prior_weight * average(prior, batch_size)
        return {
            "box": boxes,
            "objectness": self.objectness_weight * average(found, batch_size),
            "background": self.background_weight * average(background, batch_size),
            "classes": self.class_weight * average(classes, batch_size),
        }


def _background(scale: ScaleOutput, targets: Targets) -> Tensor:
    """The sum over the background of one scale."""
    nothing = torch.zeros_like(scale.objectness)
    return (SquaredErrorProbability()(scale.objectness, nothing) * targets.background).sum()


def _distance_to_prior(scale: ScaleOutput, targets: Targets) -> Tensor:
    """Half the squared distances from the anchors in the middle of their cells, of all slots that are not positive."""
    is_positive = torch.zeros_like(targets.ignore)
    is_positive[targets.slots.unbind(1)] = True
    prior = scale.logits.new_tensor(_PRIOR_OFFSETS)
    return ((scale.offsets - prior).square().sum(dim=-1) / 2 * ~is_positive).sum()
