"""Non-maximum suppression."""

import torch
from torch import Tensor

from yolo3.boxes.iou import box_iou

_CHUNK = 512  # candidates compared at a time: memory stays small, and the search can stop early


def nms(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float = 0.45,
    labels: Tensor | None = None,
    max_detections: int | None = None,
) -> Tensor:
    """Greedy non-maximum suppression: of boxes that overlap, the one of highest score stays.

    Equal, box for box, to the plain loop that takes candidates best first and drops those that overlap a taken one.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,); equal scores are taken in the order given.
        iou_threshold: a box is dropped when its IoU with a kept one is above this.
        labels: (N,) int64; given, boxes drop only boxes of their own label.
        max_detections: stop when so many are kept.

    Returns:
        (K,) int64 indices of the kept boxes, best first.
    """
    order = scores.argsort(descending=True, stable=True)
    limit = len(order) if max_detections is None else max_detections
    kept = order[:0]
    for chunk in order.split(_CHUNK):
        if len(kept) >= limit:
            break
        beaten = _overlaps(boxes, labels, kept, chunk, iou_threshold).any(dim=0)
        chunk = chunk[~beaten]
        kept = torch.cat([kept, chunk[_survivors(_overlaps(boxes, labels, chunk, chunk, iou_threshold))]])
    return kept[:limit]


def _overlaps(boxes: Tensor, labels: Tensor | None, one: Tensor, other: Tensor, iou_threshold: float) -> Tensor:
    """(len(one), len(other)) bool: the first would drop the second, were it kept."""
    overlap = box_iou(boxes[one][:, None], boxes[other]) > iou_threshold
    return overlap if labels is None else overlap & (labels[one][:, None] == labels[other])


def _survivors(overlap: Tensor) -> Tensor:
    """(N,) bool: who is kept when each kept one drops the later ones it overlaps.

    "Kept unless a kept earlier one overlaps" has one solution, the greedy one, and it is reached by repeating the
    sentence until nothing changes: after k rounds the first k candidates are settled, and usually all are after a few.
    """
    earlier_overlaps = overlap.triu(diagonal=1)
    kept = torch.ones(len(overlap), dtype=torch.bool, device=overlap.device)
    while True:
        settled = ~(earlier_overlaps & kept[:, None]).any(dim=0)
        if torch.equal(settled, kept):
            return kept
        kept = settled
