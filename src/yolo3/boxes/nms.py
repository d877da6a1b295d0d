"""Non-maximum suppression."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from yolo3.boxes.iou import smallest_area

_CHUNK = 128  # candidates compared at a time, so that they stay in the cache
_FIRST = 1024  # candidates processed before the first check whether enough are kept
_TINY = smallest_area(torch.empty(0))  # the same for float64

_Floats = npt.NDArray[np.floating[Any]]
_Indices = npt.NDArray[np.int64]


def nms(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float = 0.45,
    labels: Tensor | None = None,
    max_detections: int | None = None,
) -> Tensor:
    """Greedy non-maximum suppression (NMS): of overlapping boxes, the one with the highest score is kept.

    Equal, box for box, to the plain loop that takes candidates best first and drops those that overlap a taken one. It
    always runs on the CPU, since it is a long sequence of small steps.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,) scores. Equal scores keep the order given.
        iou_threshold: IoU with a kept box above which a box is dropped.
        labels: (N,) int64 labels. If given, boxes drop only boxes with their own label.
        max_detections: Maximum number of kept boxes. None sets no limit.

    Returns:
        (K,) int64 indices of the kept boxes, best first.
    """
    order = (-_array(scores)).argsort(kind="stable")
    corners = np.ascontiguousarray(_array(boxes)[order].T)
    in_order = None if labels is None else labels.cpu().numpy()[order]
    limit = len(order) if max_detections is None else max_detections
    seen = len(order) if limit >= len(order) else _FIRST
    while True:  # the kept among the best candidates do not depend on the others
        with np.errstate(invalid="ignore", over="ignore"):  # infinite boxes overlap nothing
            labels_seen = None if in_order is None else in_order[:seen]
            kept = _kept(corners[:, :seen], labels_seen, iou_threshold)
        if len(kept) >= limit or seen >= len(order):
            return torch.from_numpy(order[kept[:limit]]).to(boxes.device)
        seen *= 4


def _array(values: Tensor) -> _Floats:
    """A NumPy array; NumPy has no bfloat16, and float16 is too small for areas."""
    values = values.detach().cpu()
    if values.dtype not in (torch.float32, torch.float64):
        values = values.float()
    return values.numpy()


def _kept(corners: _Floats, labels: _Indices | None, max_iou: float) -> _Indices:
    """The indices of the kept ones among (4, N) boxes, best first."""
    if labels is None:
        return _kept_of_one_label(corners, max_iou)
    by_label = labels.argsort(kind="stable")
    starts = np.flatnonzero(np.diff(labels[by_label])) + 1
    groups = [group for group in np.split(by_label, starts) if len(group)]
    kept = [group[_kept_of_one_label(corners[:, group], max_iou)] for group in groups]
    return np.sort(np.concatenate([by_label[:0], *kept]))


def _kept_of_one_label(corners: _Floats, max_iou: float) -> _Indices:
    areas = (corners[2] - corners[0]) * (corners[3] - corners[1])
    kept = np.empty(0, dtype=np.int64)
    for start in range(0, len(areas), _CHUNK):
        chunk = np.arange(start, min(start + _CHUNK, len(areas)))
        for first in range(0, len(kept), _CHUNK):  # the first kept boxes drop the most
            better = kept[first : first + _CHUNK]
            chunk = chunk[~_overlaps(corners, areas, better, chunk, max_iou).any(axis=0)]
        survivors = _survivors(_overlaps(corners, areas, chunk, chunk, max_iou))
        kept = np.concatenate([kept, chunk[survivors]])
    return kept


def _overlaps(
    corners: _Floats, areas: _Floats, one: _Indices, other: _Indices, max_iou: float
) -> npt.NDArray[np.bool_]:
    """(len(one), len(other)) bool: whether a box of the first set would drop one of the second.

    The same steps as in `box_iou`, in the same order, so that both round to the same number.
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
    return shared > shared.dtype.type(max_iou)


def _survivors(overlap: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(N,) bool: the boxes that are kept when each kept one drops the later ones that it overlaps.

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
