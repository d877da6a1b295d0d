"""The loss of the paper's own program, and what recipes in its manner share."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from yolo3.assign import BestAnchorOverall
from yolo3.assign.grid import image_size
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.losses.anchor_loss import AnchorLoss, Pair
from yolo3.losses.terms import (
    BinaryCrossEntropy,
    BoxTerm,
    ClassTerm,
    DarknetBox,
    LogitTerm,
    MultiLabelClasses,
    average,
)
from yolo3.protocols import Assigner
from yolo3.structures import ScaleOutput, Targets


@dataclass(frozen=True)
class DarknetLoss(AnchorLoss):
    """Darknet's hand-written gradient, as a loss whose derivative it is; summed over the batch, divided by its size.

    Args:
        anchors: Anchors of the detector.
        ignore_iou: Predictions that overlap an object at least this much are not background; see `BestAnchorOverall`.
        assigner: Policy that replaces `BestAnchorOverall`.
        box: Term of the boxes.
        objectness: Term of the objectness logits.
        classes: Term of the class logits.
        box_weight: Weight of the box term.
        objectness_weight: Weight of the objectness, of positives and background alike.
        class_weight: Weight of the class term.

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
    box_weight: float = 1.0
    objectness_weight: float = 1.0
    class_weight: float = 1.0

    @property
    def policy(self) -> Assigner:
        """`assigner`, or the policy of the paper."""
        return BestAnchorOverall(self.ignore_iou) if self.assigner is None else self.assigner

    def terms_of(self, pairs: Sequence[Pair]) -> dict[str, Tensor]:
        """Box, objectness and classes; see `summed_terms`."""
        weights = TermWeights(self.box_weight, self.objectness_weight, self.class_weight)
        return summed_terms(pairs, self.box, self.objectness, self.classes, weights)


class TermWeights(NamedTuple):
    """Weight of each term of a recipe."""

    box: float
    objectness: float
    classes: float


def summed_terms(
    pairs: Sequence[Pair], box: BoxTerm, objectness: LogitTerm, classes: ClassTerm, weights: TermWeights
) -> dict[str, Tensor]:
    """Box, objectness and classes over all scales, each summed, divided by the batch size, and weighted.

    A box counts 2 minus its share of the image: the same error hurts a small box more. Objectness is that of positives
    and of background; ignored slots have none.
    """
    scale, _ = pairs[0]
    batch_size = len(scale.logits)
    height, width = image_size(scale)
    positives = ScaleOutput.joined([scale.at(targets.slots) for scale, targets in pairs])
    wanted = Targets.joined([targets for _, targets in pairs])
    # the scale that Darknet gives to `delta_yolo_box`: 2 - truth.w * truth.h
    smallness = 2 - wanted.boxes[:, 2] * wanted.boxes[:, 3] / (height * width)
    found = objectness(positives.objectness, torch.ones_like(positives.objectness)) * wanted.weights
    background = torch.stack([_background(scale, targets, objectness) for scale, targets in pairs])
    of_slots = average(found, batch_size) + average(background, batch_size)
    return {
        "box": weights.box * average(box(positives, wanted) * smallness * wanted.weights, batch_size),
        "objectness": weights.objectness * of_slots,
        "classes": weights.classes * average(classes(positives.classes, wanted.labels) * wanted.weights, batch_size),
    }


def _background(scale: ScaleOutput, targets: Targets, objectness: LogitTerm) -> Tensor:
    """The sum over the background of one scale."""
    nothing = scale.objectness.new_zeros(()).expand_as(scale.objectness)  # takes no memory
    return (objectness(scale.objectness, nothing) * targets.background).sum()
