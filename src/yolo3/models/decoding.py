"""From an anchor detector's predictions to candidates."""

import torch

from yolo3.boxes import Anchors
from yolo3.protocols import Predictions
from yolo3.structures import Candidates, ScaleOutput


def decode(predictions: Predictions, anchors: Anchors) -> Candidates:
    """Boxes in pixels and scores of every slot, scale after scale, coarse to fine.

    Args:
        predictions: (B, A, S, S, 5 + C) logits a scale.
        anchors: of the detector that made them.

    Source:
        YOLOv3, arXiv 1804.02767 §2.1 (boxes) and §2.2 (independent class probabilities).
    """
    scales = ScaleOutput.from_predictions(predictions, anchors)
    boxes = [scale.xyxy.flatten(1, 3) for scale in scales]
    scores = [(scale.objectness.sigmoid()[..., None] * scale.classes.sigmoid()).flatten(1, 3) for scale in scales]
    return Candidates(torch.cat(boxes, dim=1), torch.cat(scores, dim=1))
