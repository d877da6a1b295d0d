"""The policy of the 2020 PyTorch recipe: every anchor that fits well enough is responsible."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yolo3.assign.grid import centre_cells
from yolo3.boxes import wh_iou, xyxy_to_cxcywh
from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class AnchorsAboveIoU:
    """Every anchor whose wh-IoU with a box is above `min_iou` is responsible for it, in the cell of its centre.

    Boxes that share a slot all keep it, and nothing is ignored. A box that no anchor fits has no positive.

    Args:
        min_iou: wh-IoU that an anchor must exceed.
    """

    min_iou: float = 0.2

    def __call__(self, truth: GroundTruth, scales: Sequence[ScaleOutput]) -> list[Targets]:
        """The targets of every scale. Only grids and anchors are used, not the predictions."""
        boxes = xyxy_to_cxcywh(truth.boxes)
        return [self._assign(truth, boxes, scale) for scale in scales]

    def _assign(self, truth: GroundTruth, boxes: Tensor, scale: ScaleOutput) -> Targets:
        iou = wh_iou(boxes[:, None, 2:], scale.anchors.to(boxes))  # (N, A)
        chosen, anchor = (iou > self.min_iou).nonzero(as_tuple=True)
        row, column = centre_cells(boxes, scale)
        return Targets(
            slots=torch.stack([truth.image[chosen], anchor, row[chosen], column[chosen]], dim=1),
            boxes=boxes[chosen],
            labels=truth.labels[chosen],
            weights=truth.object_weights[chosen],
            ignore=torch.zeros(scale.logits.shape[:4], dtype=torch.bool, device=boxes.device),
        )
