"""The policy ATSS: anchors near an object whose IoU exceeds a threshold computed per object."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yolo3.assign.grid import centre_cells
from yolo3.assign.pairs import Pairs, cell_centres
from yolo3.boxes import box_iou, xyxy_to_cxcywh
from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class ATSS:
    """At every scale the anchors of the `num_cells` cells nearest to an object's centre are its candidates.

    A candidate is positive if its IoU with the object is at least the mean plus the standard deviation over all
    candidates of the object, and the centre of its cell lies inside the box. A slot chosen by several objects goes to
    the one with the highest IoU. Everything else is background. An object so small that no cell's centre lies in it has
    no positive.

    Args:
        num_cells: Cells per scale; all anchors of a cell are candidates.

    Source:
        ATSS, arXiv 1912.02424 §3.2, algorithm 1, with k = 9.
    """

    num_cells: int = 9

    def __call__(self, truth: GroundTruth, scales: Sequence[ScaleOutput]) -> list[Targets]:
        """The targets of every scale. Only grids and anchors are used, not the predictions."""
        boxes = xyxy_to_cxcywh(truth.boxes)
        pairs = Pairs.within(truth, scales, lambda scale: _nearest_cells(boxes, scale, self.num_cells))
        anchors = pairs.anchor_boxes(scales).to(boxes)
        objects = truth.boxes[pairs.objects]
        iou = box_iou(anchors, objects)
        centre = xyxy_to_cxcywh(anchors)[:, :2]
        is_inside = ((centre > objects[:, :2]) & (centre < objects[:, 2:])).all(dim=1)
        chosen = is_inside & (iou >= _thresholds(iou, pairs.objects, len(truth))[pairs.objects])
        pairs = pairs.chosen(chosen)
        iou = iou[chosen]
        return pairs.chosen(pairs.one_object_per_slot(iou, scales)).to_targets(truth, boxes, scales)


def _thresholds(iou: Tensor, objects: Tensor, count: int) -> Tensor:
    """(count,) mean plus standard deviation (with n − 1) of each object's candidates."""
    number = torch.bincount(objects, minlength=count).clamp(min=1)
    mean = iou.new_zeros(count).index_add(0, objects, iou) / number
    squares = iou.new_zeros(count).index_add(0, objects, (iou - mean[objects]).square())
    return mean + (squares / (number - 1).clamp(min=1)).sqrt()


def _nearest_cells(boxes: Tensor, scale: ScaleOutput, count: int) -> Tensor:
    """(N, rows, columns) bool: the cells nearest to the centre of each box; the first of equal distances.

    None of them is more than `count` rows or columns from the cell of the centre, since at least as many nearer cells
    lie on the way. So only that window is sorted.
    """
    rows, columns = scale.logits.shape[2:4]
    row, column = centre_cells(boxes, scale)
    reach = torch.arange(-count, count + 1, device=boxes.device)
    window_row = row[:, None] + reach  # (N, W)
    window_column = column[:, None] + reach
    x, y = cell_centres(scale, boxes)
    down = y[window_row.clamp(0, rows - 1)] - boxes[:, 1, None]
    right = x[window_column.clamp(0, columns - 1)] - boxes[:, 0, None]
    distance = down[:, :, None].square() + right[:, None, :].square()  # (N, W, W)
    is_in_grid = ((window_row >= 0) & (window_row < rows))[:, :, None]
    is_in_grid = is_in_grid & ((window_column >= 0) & (window_column < columns))[:, None, :]
    distance = distance.masked_fill(~is_in_grid, torch.inf).flatten(1)
    nearest = distance.argsort(dim=1, stable=True)[:, :count]  # (N, count)
    is_cell = distance.gather(1, nearest).isfinite()
    box = torch.arange(len(boxes), device=boxes.device)[:, None].expand_as(nearest)[is_cell]
    place = nearest[is_cell]
    width = len(reach)
    near = torch.zeros(len(boxes), rows, columns, dtype=torch.bool, device=boxes.device)
    near[box, window_row[box, place // width], window_column[box, place % width]] = True
    return near
