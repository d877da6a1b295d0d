"""The policy of the paper and of Darknet: one anchor per object; other good predictions are ignored."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from yolo3.assign.grid import centre_cells, last_in_slot
from yolo3.boxes import box_iou, wh_iou, xyxy_to_cxcywh
from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class BestAnchorOverall:
    """The anchor of highest wh-IoU over all scales is responsible for a box, at its own scale only.

    If boxes share a slot, the last one wins it and their classes are combined: labels are multi-hot, (P, C). Any other
    prediction whose decoded box overlaps an object of its image by IoU >= `ignore_iou` is ignored.

    Args:
        ignore_iou: Minimum IoU at which a prediction that is not positive is ignored.
        also_above: wh-IoU above which further anchors are responsible too, each at its own scale; ``iou_thresh`` in
            Darknet. Default: 1, so that there are none.

    Source:
        YOLOv3, arXiv 1804.02767 §2.1; Darknet's ``forward_yolo_layer``.
    """

    ignore_iou: float = 0.5
    also_above: float = 1.0

    def __call__(self, truth: GroundTruth, scales: Sequence[ScaleOutput]) -> list[Targets]:
        """The targets of every scale. The predictions determine the ignored slots."""
        boxes = xyxy_to_cxcywh(truth.boxes)
        fit = wh_iou(boxes[:, None, 2:], torch.cat([scale.anchors for scale in scales]).to(boxes))  # (N, all anchors)
        is_responsible = fit > self.also_above
        is_responsible.scatter_(1, fit.argmax(dim=1, keepdim=True), True)
        targets = []
        first = 0
        for scale, ignore in zip(scales, overlapping(truth, scales, self.ignore_iou), strict=True):
            here, anchor = is_responsible[:, first : first + len(scale.anchors)].nonzero(as_tuple=True)
            row, column = centre_cells(boxes[here], scale)
            slots = torch.stack([truth.image[here], anchor, row, column], dim=1)
            ignore[slots.unbind(1)] = False
            last = last_in_slot(slots, ignore.shape)
            wins = (last == torch.arange(len(last), device=last.device)).nonzero().squeeze(1)
            labels = _united(truth.labels[here], last, scale.classes.shape[-1])
            winners = here[wins]
            targets.append(Targets(slots[wins], boxes[winners], labels[wins], truth.object_weights[winners], ignore))
            first += len(scale.anchors)
        return targets


def _united(labels: Tensor, last: Tensor, num_classes: int) -> Tensor:
    """(N, C) multi-hot: the classes of all objects that share a slot, at the index of the last one."""
    hot = labels if labels.ndim == 2 else F.one_hot(labels, num_classes)
    return torch.zeros_like(hot).scatter_reduce_(0, last[:, None].expand_as(hot), hot, "amax")


@torch.no_grad()
def overlapping(truth: GroundTruth, scales: Sequence[ScaleOutput], min_iou: float) -> list[Tensor]:
    """(B, A, S, S) bool per scale: predictions whose decoded box overlaps an object of their image by IoU >= `min_iou`.

    Comparing every prediction with every object would cost more than the rest of the loss. But two boxes overlap along
    either axis at least as well as in the plane. So for an IoU of t, their sizes a and b differ by a factor of at most
    1 / t. With centres at distance d, they share at most (a + b) / 2 - d of an axis, so that
    d <= (a + b)(1 - t) / (2 (1 + t)) <= b (1 - t) / (2t).
    """
    boxes = xyxy_to_cxcywh(truth.boxes)
    least = max(min_iou, 1e-6)
    most = 1e-3 - math.log(least)  # constants added here and below allow for rounding
    candidates: list[Tensor] = []
    slots: list[Tensor] = []
    for scale, (box, cell) in zip(scales, _cells_near(truth.image, boxes, scales, least), strict=True):
        rows, columns = scale.logits.shape[2:4]
        predicted = scale.log_ratios.permute(1, 4, 0, 2, 3).flatten(2)  # (A, 2, B·S·S)
        wanted = (boxes[:, 2:] / scale.anchors[:, None]).log().mT.contiguous()  # (A, 2, N)
        each = (*predicted.shape[:2], -1)  # index by gather and index_select: several times faster than by [...]
        difference = predicted.gather(2, cell.expand(each)).sub_(wanted.gather(2, box.expand(each)))
        anchor, near = (difference.abs_().amax(dim=1) <= most).nonzero(as_tuple=True)  # of (A, M)

        box, cell = box.index_select(0, near), cell.index_select(0, near)
        image = truth.image.index_select(0, box)
        slots.append(torch.stack([image, anchor, cell // columns % rows, cell % columns], dim=1))
        candidates.append(box)

    each_scale = list(zip(scales, slots, strict=True))
    predictions = ScaleOutput.joined([scale.without_classes.at(slots) for scale, slots in each_scale])
    close = box_iou(predictions.xyxy, truth.boxes.index_select(0, torch.cat(candidates))) >= min_iou
    overlaps = [torch.zeros(scale.logits.shape[:4], dtype=torch.bool, device=close.device) for scale in scales]
    for overlap, found, is_close in zip(overlaps, slots, close.split([len(found) for found in slots]), strict=True):
        overlap[found[is_close].unbind(1)] = True
    return overlaps


def _cells_near(
    image: Tensor, boxes: Tensor, scales: Sequence[ScaleOutput], min_iou: float
) -> list[tuple[Tensor, Tensor]]:
    """Per scale, (M,) box and (M,) cell, numbered through the batch, whose prediction could overlap the box."""
    count = len(boxes)
    device = boxes.device
    beyond = [(scale.xy_scale - 1) / 2 + 0.01 for scale in scales]  # cells by which a centre may leave its own
    grids = [(*scale.logits.shape[2:4], scale.stride) for scale in scales]
    rows, columns, stride = torch.tensor(grids, device=device).repeat_interleave(count, dim=0).T  # (scales · N,) each
    margin = boxes.new_tensor(beyond).repeat_interleave(count)[:, None]

    reach = boxes[:, 2:] * max(0.0, (1 - min_iou) / (2 * min_iou))
    edges = torch.cat([boxes[:, :2] - reach, boxes[:, :2] + reach], dim=1).repeat(len(scales), 1) / stride[:, None]
    left, top = (edges[:, :2] - margin).clamp(min=0).long().unbind(1)
    right, bottom = (edges[:, 2:] + (margin + 1)).long().unbind(1)
    height = (torch.minimum(bottom, rows) - top).clamp(min=0)
    width = (torch.minimum(right, columns) - left).clamp(min=0)

    # the cells around a box are contiguous in each of some rows
    box, row = _runs(image.repeat(len(scales)) * rows + top, height)
    strip, cell = _runs(row * columns.index_select(0, box) + left.index_select(0, box), width.index_select(0, box))
    sizes = (height * width).view(len(scales), -1).sum(dim=1).tolist()
    box = (box % max(1, count)).index_select(0, strip)
    return list(zip(box.split(sizes), cell.split(sizes), strict=True))


def _runs(first: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Runs first, first + 1, … of ``count`` values, concatenated: (sum of counts,) index of the run, and the values."""
    run = torch.arange(len(first), device=first.device).repeat_interleave(count)
    start = first - (count.cumsum(0) - count)
    return run, start.index_select(0, run) + torch.arange(len(run), device=run.device)
