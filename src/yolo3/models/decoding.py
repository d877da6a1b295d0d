"""From an anchor detector's predictions to candidates."""

import torch
from torch import Tensor

from yolo3.boxes import Anchors
from yolo3.protocols import ClassActivation, Predictions
from yolo3.structures import Candidates, ScaleOutput


def decode(predictions: Predictions, anchors: Anchors, classes: ClassActivation = "sigmoid") -> Candidates:
    """Boxes in pixels and scores of every slot, scale by scale, coarse to fine.

    Args:
        predictions: (B, A, S, S, 5 + C) logits per scale.
        anchors: Anchors of the detector that made them.
        classes: Conversion of class logits to probabilities: ``sigmoid`` in YOLOv3, ``softmax`` in YOLOv2.

    Source:
        YOLOv3, arXiv 1804.02767 §2.1 (boxes) and §2.2 (independent classes); YOLO9000, arXiv 1612.08242 §2 (softmax).
    """
    scales = ScaleOutput.from_predictions(predictions, anchors)
    boxes = [scale.xyxy.flatten(1, 3) for scale in scales]
    scores = [_scores(scale, classes).flatten(1, 3) for scale in scales]
    return Candidates(torch.cat(boxes, dim=1), torch.cat(scores, dim=1))


def _scores(scale: ScaleOutput, classes: ClassActivation) -> Tensor:
    """(B, A, S, S, C) P(object) · P(class)."""
    probabilities = scale.classes.softmax(dim=-1) if classes == "softmax" else scale.classes.sigmoid()
    return scale.objectness.sigmoid()[..., None] * probabilities
