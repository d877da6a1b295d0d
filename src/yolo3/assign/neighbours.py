"""The policy of YOLOv5: anchors of similar shape are responsible, in the cell of the centre and the two nearest."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yolo3.assign.grid import centre_cells
from yolo3.boxes import xyxy_to_cxcywh
from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class NeighbourCells:
    """At every scale, every anchor of similar shape is responsible for a box, in up to three cells.

    These are the cell of its centre and the neighbours across the cell's borders that are nearer to the centre than
    half a cell: left or right, and above or below. Boxes that share a slot all keep it, and nothing is ignored.

    A plain sigmoid cannot place a centre outside its own cell. This policy needs anchors with ``xy_scales`` of 2, which
    reach half a cell beyond it.

    Args:
        max_ratio: Factor by which the width and height of a similar anchor differ from the box's at most.

    Source:
        The description of the YOLOv5 release, in words.
    """

    max_ratio: float = 4.0

    def __call__(self, truth: GroundTruth, scales: Sequence[ScaleOutput]) -> list[Targets]:
        """The targets of every scale. Only grids and anchors are used, not the predictions."""
        boxes = xyxy_to_cxcywh(truth.boxes)
        return [self._assign(truth, boxes, scale) for scale in scales]

    def _assign(self, truth: GroundTruth, boxes: Tensor, scale: ScaleOutput) -> Targets:
        ratio = boxes[:, None, 2:] / scale.anchors.to(boxes)  # (N, A, 2)
        is_similar = torch.maximum(ratio, 1 / ratio).amax(dim=2) < self.max_ratio  # (N, A)
        cell, is_there = _cells(boxes, scale)  # (N, 5, 2) and (N, 5)
        chosen, place, anchor = (is_there[:, :, None] & is_similar[:, None, :]).nonzero(as_tuple=True)
        row, column = cell[chosen, place].unbind(1)
        return Targets(
            slots=torch.stack([truth.image[chosen], anchor, row, column], dim=1),
            boxes=boxes[chosen],
            labels=truth.labels[chosen],
            weights=truth.object_weights[chosen],
            ignore=torch.zeros(scale.logits.shape[:4], dtype=torch.bool, device=boxes.device),
        )


def _cells(boxes: Tensor, scale: ScaleOutput) -> tuple[Tensor, Tensor]:
    """(N, 5, 2) row and column of each box's cell and its four neighbours, and (N, 5) bool: whether each counts."""
    rows, columns = scale.logits.shape[2:4]
    row, column = centre_cells(boxes, scale)
    own = torch.stack([row, column], dim=1)
    inside = boxes[:, :2] / scale.stride - own.flip(1)  # (N, 2) x and y within the cell
    x, y = inside.unbind(1)
    steps = own.new_tensor([[0, 0], [0, -1], [-1, 0], [0, 1], [1, 0]])
    cells = own[:, None] + steps
    is_near = torch.stack([torch.ones_like(x, dtype=torch.bool), x < 0.5, y < 0.5, x > 0.5, y > 0.5], dim=1)
    is_in_grid = ((cells >= 0) & (cells < own.new_tensor([rows, columns]))).all(dim=2)
    return cells, is_near & is_in_grid
