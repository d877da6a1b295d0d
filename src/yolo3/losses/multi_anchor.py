"""The 2020 PyTorch recipe: many anchors answer for an object, and objectness is averaged over every slot."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal

import torch
from torch import Tensor

from yolo3.assign import AnchorsAboveIoU
from yolo3.assign.grid import last_in_slot
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.losses.pairing import AnyTargets, assign, pair
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
    total,
)
from yolo3.protocols import Assigner, Predictions
from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class MultiAnchorLoss:
    """Every anchor that fits an object answers for it; background and positives share one mean of the objectness.

    Args:
        anchors: of the detector.
        objectness_iou_ratio: r; the objectness of a positive should be (1 - r) + r · GIoU of the box it has reached.
        focal_gamma: above 0, classes and objectness are focal, with alpha 0.25.
        label_smoothing: ε; class targets are 1 - ε/2 and ε/2.
        objectness_pos_weight: multiplies the part of positives in the cross-entropy of objectness.
        class_pos_weight: the same in that of the classes.
        reduction: ``mean`` averages over a scale's own members; ``sum`` divides by the positives of all scales, and
            objectness by the batch size.
        assigner: decides which slots are positive, when objects are given.
        box: how far a box is from its object.
        objectness: how far an objectness logit is from its target; None makes it from the numbers above.
        classes: how far class logits are from a label, summed over classes; None makes it from the numbers above.
        box_weight: of the boxes.
        objectness_weight: of the objectness.
        class_weight: of the classes.

    Raises:
        ValueError: an unknown `reduction`.
    """

    anchors: Anchors = COCO_ANCHORS
    _: KW_ONLY
    objectness_iou_ratio: float = 0.0
    focal_gamma: float = 0.0
    label_smoothing: float = 0.0
    objectness_pos_weight: float = 1.0
    class_pos_weight: float = 1.0
    reduction: Literal["mean", "sum"] = "mean"
    assigner: Assigner = AnchorsAboveIoU()
    box: BoxTerm = IoUBox("giou")
    objectness: LogitTerm | None = None
    classes: ClassTerm | None = None
    box_weight: float = 3.54
    objectness_weight: float = 64.3
    class_weight: float = 37.4

    def __post_init__(self) -> None:
        if self.reduction not in ("mean", "sum"):
            raise ValueError(f"reduction is {self.reduction!r}; choose mean or sum")

    def __call__(self, predictions: Predictions, targets: AnyTargets) -> Tensor:
        """The loss, a scalar; arguments as in `terms`."""
        return total(self.terms(predictions, targets))

    def terms(self, predictions: Predictions, targets: AnyTargets) -> dict[str, Tensor]:
        """The loss by parts, weighted: box, objectness, classes.

        Args:
            predictions: (B, A, S, S, 5 + C) logits a scale.
            targets: a `GroundTruth` (assigned here, on the device), or a scale each `Targets` or dense targets.

        Raises:
            ValueError: targets that do not fit the predictions, an object that no target can be made of.
        """
        pairs = pair(predictions, targets, self.anchors, self.assigner)
        num_positives = sum(len(targets) for _, targets in pairs)
        box, objectness, classes = zip(*(self._scale_terms(*each, num_positives) for each in pairs), strict=True)
        return {
            "box": self.box_weight * torch.stack(box).sum(),
            "objectness": self.objectness_weight * torch.stack(objectness).sum(),
            "classes": self.class_weight * torch.stack(classes).sum(),
        }

    def assign(self, predictions: Predictions, truth: GroundTruth) -> list[Targets]:
        """The targets of every scale."""
        return assign(self.assigner, ScaleOutput.from_predictions(predictions, self.anchors), truth)

    def _scale_terms(self, scale: ScaleOutput, targets: Targets, num_positives: int) -> tuple[Tensor, Tensor, Tensor]:
        positives, num_classes = scale.at(targets.slots), scale.classes.shape[-1]
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
        return (
            average(3 * box, num_positives),
            average(3 * objectness, batch_size),
            average(3 * classes, num_positives * num_classes),
        )

    def _objectness(self, scale: ScaleOutput, positives: ScaleOutput, targets: Targets) -> Tensor:
        """(B, A, S, S) values; where objects share a slot, the last one counts."""
        wanted = torch.ones_like(positives.objectness)
        if self.objectness_iou_ratio > 0:
            reached = overlap(positives, targets, "giou").detach().clamp(min=0)
            wanted = (1 - self.objectness_iou_ratio) + self.objectness_iou_ratio * reached
        last, slots = last_in_slot(targets.slots, targets.ignore.shape), targets.slots.unbind(1)
        target, weight = torch.zeros_like(scale.objectness), torch.ones_like(scale.objectness)
        target[slots], weight[slots] = wanted[last], targets.weights[last]
        return self._logit_term(self.objectness_pos_weight, self.objectness)(scale.objectness, target) * weight

    def _logit_term(self, pos_weight: float, own: LogitTerm | None = None) -> LogitTerm:
        if own is not None:
            return own
        if self.focal_gamma > 0:
            return FocalCrossEntropy(self.focal_gamma, alpha=0.25, pos_weight=pos_weight)
        return BinaryCrossEntropy(pos_weight)

    def _class_term(self) -> ClassTerm:
        if self.classes is not None:
            return self.classes
        return MultiLabelClasses(self._logit_term(self.class_pos_weight), self.label_smoothing)
