"""The first recipe: every scale answers for every object."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal

import torch
from torch import Tensor

from yolo3.assign import BestAnchorPerScale
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.losses.pairing import AnyTargets, assign, pair
from yolo3.losses.terms import (
    BinaryCrossEntropy,
    BoxTerm,
    ClassTerm,
    CrossEntropyClasses,
    LogitTerm,
    SquaredErrorBox,
    average,
    overlap,
    total,
)
from yolo3.protocols import Assigner, Predictions
from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class YoloLoss:
    """Every scale answers for every object; background and positives are averaged apart, so that neither drowns.

    Each term is a mean over its own members of a scale, summed over the scales.

    Args:
        anchors: of the detector.
        objectness_target: what a positive's objectness should be: ``binary`` 1, ``iou`` the overlap its box
            has reached.
        assigner: decides which slots are positive and which are ignored, when objects are given.
        box: how far a box is from its object.
        objectness: how far an objectness logit is from its target.
        classes: how far class logits are from a label.
        background_weight: of the objectness of background.
        objectness_weight: of the objectness of positives.
        box_weight: of the boxes.
        class_weight: of the classes.

    Raises:
        ValueError: an unknown `objectness_target`.
    """

    anchors: Anchors = COCO_ANCHORS
    _: KW_ONLY
    objectness_target: Literal["binary", "iou"] = "binary"
    assigner: Assigner = BestAnchorPerScale()
    box: BoxTerm = SquaredErrorBox()
    objectness: LogitTerm = BinaryCrossEntropy()
    classes: ClassTerm = CrossEntropyClasses()
    background_weight: float = 10.0
    objectness_weight: float = 1.0
    box_weight: float = 10.0
    class_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.objectness_target not in ("binary", "iou"):
            raise ValueError(f"objectness_target is {self.objectness_target!r}; choose binary or iou")

    def __call__(self, predictions: Predictions, targets: AnyTargets) -> Tensor:
        """The loss, a scalar; arguments as in `terms`."""
        return total(self.terms(predictions, targets))

    def terms(self, predictions: Predictions, targets: AnyTargets) -> dict[str, Tensor]:
        """The loss by parts, weighted: background, objectness, box, classes.

        Args:
            predictions: (B, A, S, S, 5 + C) logits a scale.
            targets: a `GroundTruth` (assigned here, on the device), or a scale each `Targets` or dense targets.

        Raises:
            ValueError: targets that do not fit the predictions, an object that no target can be made of.
        """
        pairs = pair(predictions, targets, self.anchors, self.assigner)
        background, objectness, box, classes = zip(*(self._scale_terms(*each) for each in pairs), strict=True)
        return {
            "background": self.background_weight * torch.stack(background).sum(),
            "objectness": self.objectness_weight * torch.stack(objectness).sum(),
            "box": self.box_weight * torch.stack(box).sum(),
            "classes": self.class_weight * torch.stack(classes).sum(),
        }

    def assign(self, predictions: Predictions, truth: GroundTruth) -> list[Targets]:
        """The targets of every scale."""
        return assign(self.assigner, ScaleOutput.from_predictions(predictions, self.anchors), truth)

    def _scale_terms(self, scale: ScaleOutput, targets: Targets) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        positives, is_background = scale.at(targets.slots), targets.background
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
