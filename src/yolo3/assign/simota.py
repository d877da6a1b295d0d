"""The policy of YOLOX: the k predictions of lowest cost near an object's centre, with k from its IoUs."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from yolo3.assign.pairs import Pairs, cell_centres
from yolo3.boxes import box_iou, xyxy_to_cxcywh
from yolo3.structures import GroundTruth, ScaleOutput, Targets

_LEAST_IOU = 1e-8  # avoids the logarithm of 0


@dataclass(frozen=True)
class SimOTA:
    """Each object chooses the k predictions of lowest cost among the cells around its centre, with its own k.

    The cost is the cross-entropy of the class scores plus `box_weight` times −log IoU; k is the sum of the object's
    `num_ious` highest IoUs, rounded down, and at least 1. A slot chosen by several objects goes to the one of
    lowest cost. Everything else is background.

    Args:
        radius: Maximum distance, in cells along both axes, between the centres of a cell and the object.
        num_ious: Number of highest IoUs that are summed to k.
        box_weight: Weight of the IoU in the cost.

    Source:
        YOLOX, arXiv 2107.08430 §2.2; k: OTA, arXiv 2103.14259 §3.3.
    """

    radius: float = 2.5
    num_ious: int = 10
    box_weight: float = 3.0

    @torch.no_grad()
    def __call__(self, truth: GroundTruth, scales: Sequence[ScaleOutput]) -> list[Targets]:
        """The targets of every scale, which depend on the predictions."""
        boxes = xyxy_to_cxcywh(truth.boxes)

        def region(scale: ScaleOutput) -> Tensor:
            x, y = cell_centres(scale, boxes)
            reach = self.radius * scale.stride
            near_x = (x - boxes[:, 0, None]).abs() < reach  # (N, columns)
            near_y = (y - boxes[:, 1, None]).abs() < reach  # (N, rows)
            return near_y[:, :, None] & near_x[:, None, :]

        pairs = Pairs.within(truth, scales, region)
        predicted = pairs.predictions(scales)
        iou = box_iou(predicted.xyxy, truth.boxes[pairs.objects])
        cost = _class_cost(predicted, truth.labels[pairs.objects])
        cost = cost - self.box_weight * iou.clamp(min=_LEAST_IOU).log()

        highest = pairs.best_per_object(iou, self.num_ious)
        summed = iou.new_zeros(len(truth)).index_add(0, pairs.objects[highest], iou[highest])
        count = summed.long().clamp(min=1)
        chosen = pairs.best_per_object(-cost, count[pairs.objects])
        pairs = pairs.chosen(chosen)
        cost = cost[chosen]
        return pairs.chosen(pairs.one_object_per_slot(-cost, scales)).to_targets(truth, boxes, scales)


def _class_cost(predicted: ScaleOutput, labels: Tensor) -> Tensor:
    """(M,) cross-entropy of the class scores, summed over the classes.

    The score is the geometric mean of objectness and class probability.
    """
    score = (predicted.objectness.sigmoid()[:, None] * predicted.classes.sigmoid()).sqrt()
    hot = labels if labels.ndim == 2 else F.one_hot(labels, score.shape[1])
    return F.binary_cross_entropy(score, hot.to(score.dtype), reduction="none").sum(dim=1)
