"""Non-maximum suppression."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from yolo3.boxes.iou import smallest_area

_CHUNK = 128  # candidates compared at a time: what is in work stays in the cache
_FIRST = 1024  # candidates looked at before asking whether the search may stop
_TINY = smallest_area(torch.empty(0))  # of float64 it is the same

_Floats = npt.NDArray[np.floating[Any]]
_Indices = npt.NDArray[np.int64]


def nms(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float = 0.45,
    labels: Tensor | None = None,
    max_detections: int | None = None,
) -> Tensor:
    """Greedy non-maximum suppression: of boxes that overlap, the one of highest score stays.

    Equal, box for box, to the plain loop that takes candidates best first and drops those that overlap a taken one. It
    runs on the CPU wherever the boxes are: it is a long row of small steps.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,); equal scores are taken in the order given.
        iou_threshold: a box is dropped when its IoU with a kept one is above this.
        labels: (N,) int64; given, boxes drop only boxes of their own label.
        max_detections: stop when so many are kept.

    Returns:
        (K,) int64 indices of the kept boxes, best first.
    """
    order = (-_array(scores)).argsort(kind="stable")
    corners = np.ascontiguousarray(_array(boxes)[order].T)
    in_order = None if labels is None else labels.cpu().numpy()[order]
    limit = len(order) if max_detections is None else max_detections
    seen = len(order) if limit >= len(order) else _FIRST
    while True:  # what is kept of the best candidates does not depend on the others
        with np.errstate(invalid="ignore", over="ignore"):  # boxes may be infinite: they overlap nothing
            kept = _kept(corners[:, :seen], None if in_order is None else in_order[:seen], iou_threshold)
        if len(kept) >= limit or seen >= len(order):
            return torch.from_numpy(order[kept[:limit]]).to(boxes.device)
        seen *= 4


def _array(values: Tensor) -> _Floats:
    """Numbers as NumPy has them: it knows no bfloat16, and float16 is too short for areas."""
    values = values.detach().cpu()
    return (values if values.dtype in (torch.float32, torch.float64) else values.float()).numpy()


def _kept(corners: _Floats, labels: _Indices | None, iou_threshold: float) -> _Indices:
    """Which of (4, N) boxes, best first, are kept."""
    if labels is None:
        return _kept_of_one_label(corners, iou_threshold)
    by_label = labels.argsort(kind="stable")
    starts = np.flatnonzero(np.diff(labels[by_label])) + 1
    groups = [group for group in np.split(by_label, starts) if len(group)]
    kept = [group[_kept_of_one_label(corners[:, group], iou_threshold)] for group in groups]
    return np.sort(np.concatenate([by_label[:0], *kept]))


def _kept_of_one_label(corners: _Floats, iou_threshold: float) -> _Indices:
    areas = (corners[2] - corners[0]) * (corners[3] - corners[1])
    kept = np.empty(0, dtype=np.int64)
    for start in range(0, len(areas), _CHUNK):
        chunk = np.arange(start, min(start + _CHUNK, len(areas)))
        for first in range(0, len(kept), _CHUNK):  # those kept first drop the most
            better = kept[first : first + _CHUNK]
            chunk = chunk[~_overlaps(corners, areas, better, chunk, iou_threshold).any(axis=0)]
        survivors = _survivors(_overlaps(corners, areas, chunk, chunk, iou_threshold))
        kept = np.concatenate([kept, chunk[survivors]])
    return kept


def _overlaps(
    corners: _Floats, areas: _Floats, one: _Indices, other: _Indices, iou_threshold: float
) -> npt.NDArray[np.bool_]:
    """(len(one), len(other)): whether the first would drop the second, were it kept.

    The steps of `box_iou`, each in its turn, so that both round to the same number.
    """
    left, top, right, bottom = corners[:, one, None]
    other_left, other_top, other_right, other_bottom = corners[:, None, other]
    shared = np.minimum(right, other_right)
    shared -= np.maximum(left, other_left)
    np.maximum(shared, 0, out=shared)
    height = np.minimum(bottom, other_bottom)
    height -= np.maximum(top, other_top)
    np.maximum(height, 0, out=height)
    shared *= height
    union = areas[one, None] + areas[other]
    union -= shared
    np.maximum(union, _TINY, out=union)
    shared /= union
    return shared > shared.dtype.type(iou_threshold)


def _survivors(overlap: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(N,): who is kept when each kept one drops the later ones it overlaps.

    "Kept unless a kept earlier one overlaps" has one solution, the greedy one, and it is reached by repeating the
    sentence until nothing changes: after k rounds the first k candidates are settled, and usually all are after a few.
    """
    earlier_overlaps = np.triu(overlap, 1)
    kept: npt.NDArray[np.bool_] = np.ones(len(overlap), dtype=np.bool_)
    while True:
        settled: npt.NDArray[np.bool_] = ~np.any(earlier_overlaps[kept], axis=0)
        if (settled == kept).all():
            return kept
        kept = settled
