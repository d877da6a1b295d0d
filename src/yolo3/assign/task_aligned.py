"""The policy of TOOD: the predictions with the best combination of score and overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from yolo3.assign.grid import centre_cells
from yolo3.assign.pairs import Pairs, cell_centres
from yolo3.boxes import box_iou, xyxy_to_cxcywh
from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class TaskAligned:
    """Each object chooses the predictions of highest alignment t = s^alpha · u^beta among the cells inside its box.

    s is the score of its class, u the IoU of the predicted box. A cell is inside if its centre is; the cell of the
    object's centre always counts. A slot chosen by several objects goes to the one with the highest IoU. Everything
    else is background.

    Args:
        num_slots: Slots per object.
        alpha: Exponent of the score.
        beta: Exponent of the IoU.

    Source:
        TOOD, arXiv 2108.07755 §3.2, eq. 4, with 13 slots per object.
    """

    num_slots: int = 13
    alpha: float = 1.0
    beta: float = 6.0

    @torch.no_grad()
    def __call__(self, truth: GroundTruth, scales: Sequence[ScaleOutput]) -> list[Targets]:
        """The targets of every scale, which depend on the predictions."""
        boxes = xyxy_to_cxcywh(truth.boxes)

        def region(scale: ScaleOutput) -> Tensor:
            x, y = cell_centres(scale, boxes)
            left, top, right, bottom = truth.boxes.unsqueeze(2).unbind(1)  # (N, 1) each
            inside = ((y > top) & (y < bottom))[:, :, None] & ((x > left) & (x < right))[:, None, :]
            row, column = centre_cells(boxes, scale)
            inside[torch.arange(len(boxes), device=boxes.device), row, column] = True
            return inside

        pairs = Pairs.within(truth, scales, region)
        predicted = pairs.predictions(scales)
        iou = box_iou(predicted.xyxy, truth.boxes[pairs.objects])
        alignment = _score(predicted, truth.labels[pairs.objects]) ** self.alpha * iou**self.beta
        chosen = pairs.best_per_object(alignment, self.num_slots)
        pairs = pairs.chosen(chosen)
        iou = iou[chosen]
        return pairs.chosen(pairs.one_object_per_slot(iou, scales)).to_targets(truth, boxes, scales)


def _score(predicted: ScaleOutput, labels: Tensor) -> Tensor:
    """(M,) P(object) · P(class) of the object's class; the mean over several classes."""
    hot = labels if labels.ndim == 2 else F.one_hot(labels, predicted.classes.shape[1])
    share = hot / hot.sum(dim=1, keepdim=True).clamp(min=1)
    return predicted.objectness.sigmoid() * (predicted.classes.sigmoid() * share).sum(dim=1)
