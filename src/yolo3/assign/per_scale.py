"""The policy of `YoloLoss`: at every scale, the best free anchor is responsible for an object."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yolo3.assign.grid import centre_cells
from yolo3.boxes import wh_iou, xyxy_to_cxcywh
from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class BestAnchorPerScale:
    """At each scale a box takes, in the cell of its centre, the free anchor of highest wh-IoU.

    Boxes choose in the order given. A box whose cell has no free anchor gets no positive at that scale. After all have
    chosen, the other slots of a box's cell whose wh-IoU with it is above `ignore_iou` are ignored.

    Args:
        ignore_iou: wh-IoU above which a slot that is not positive is ignored.
    """

    ignore_iou: float = 0.5

    def __call__(self, truth: GroundTruth, scales: Sequence[ScaleOutput]) -> list[Targets]:
        """The targets of every scale. Only grids and anchors are used, not the predictions."""
        boxes = xyxy_to_cxcywh(truth.boxes)
        return [self._assign(truth, boxes, scale) for scale in scales]

    def _assign(self, truth: GroundTruth, boxes: Tensor, scale: ScaleOutput) -> Targets:
        batch, num_anchors, rows, columns = scale.logits.shape[:4]
        row, column = centre_cells(boxes, scale)
        cell = (truth.image * rows + row) * columns + column  # (N,) unique index of each cell in the batch
        iou = wh_iou(boxes[:, None, 2:], scale.anchors.to(boxes))  # (N, A)

        # The k-th box of a cell must be placed after the earlier ones, but all cells are independent.
        turn = _turns(cell)
        anchor = torch.full_like(cell, -1)  # stays -1 for the boxes of a cell that come after its last anchor
        taken = torch.zeros(batch * rows * columns, num_anchors, dtype=torch.bool, device=cell.device)
        for k in range(num_anchors):
            box = (turn == k).nonzero().squeeze(1)
            anchor[box] = iou[box].masked_fill(taken[cell[box]], -1).argmax(1)  # -1 is below every IoU
            taken[cell[box], anchor[box]] = True

        # last, since an ignored slot is free for a later box, and a taken one is never ignored
        ignore = torch.zeros_like(taken)
        box, close = (iou > self.ignore_iou).nonzero(as_tuple=True)
        ignore[cell[box], close] = True
        positive = (anchor >= 0).nonzero().squeeze(1)
        slots = torch.stack([truth.image, anchor, row, column], dim=1)[positive]
        return Targets(
            slots=slots,
            boxes=boxes[positive],
            labels=truth.labels[positive],
            weights=truth.object_weights[positive],
            ignore=(ignore & ~taken).view(batch, rows, columns, num_anchors).permute(0, 3, 1, 2),
        )


def _turns(cell: Tensor) -> Tensor:
    """(N,) number of earlier boxes in the same cell."""
    order = cell.argsort(stable=True)
    ordered = cell[order]
    turn = torch.empty_like(cell)
    turn[order] = torch.arange(len(cell), device=cell.device) - torch.searchsorted(ordered, ordered)
    return turn
