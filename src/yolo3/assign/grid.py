"""Shared by all policies: the cell of a box, and the object that a slot keeps."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from yolo3.structures import ScaleOutput


def centre_cells(cxcywh: Tensor, scale: ScaleOutput) -> tuple[Tensor, Tensor]:
    """(N,) row and (N,) column of the cell that holds each box's centre; the far edges belong to the last cell."""
    rows, columns = scale.logits.shape[2:4]
    column, row = (cxcywh[:, :2] / scale.stride).long().unbind(1)
    return row.clamp(0, rows - 1), column.clamp(0, columns - 1)


def last_in_slot(slots: Tensor, grid: Sequence[int]) -> Tensor:
    """(P,) for each of (P, 4) slots, the index of the last identical slot, which may be itself.

    Args:
        slots: (P, 4) image, anchor, row, column.
        grid: Shape of the grid, (B, A, S, S).
    """
    _, num_anchors, rows, columns = grid
    image, anchor, row, column = slots.unbind(1)
    key = ((image * num_anchors + anchor) * rows + row) * columns + column
    order = torch.arange(len(slots), device=slots.device)
    last = torch.zeros(math.prod(grid), dtype=torch.long, device=slots.device)
    return last.scatter_reduce_(0, key, order, "amax")[key]


def image_size(scale: ScaleOutput) -> tuple[int, int]:
    """(height, width) of the network input that a scale was predicted from, pixels."""
    return scale.logits.shape[2] * int(scale.stride), scale.logits.shape[3] * int(scale.stride)
