"""Checks of bounding boxes: one by one with a message, and many at once."""

import math
from typing import NamedTuple

import numpy as np

from yolo3.data.faults import FaultKind
from yolo3.data.sample import BoolArray, Float64Array, IntArray

TOLERANCE = 1.0
"""Pixels that a box may extend beyond the image, because a tool rounded it; the box is clipped."""
_THINNEST = 0.01  # pixels; a thinner box has no area, up to rounding

BoxCorners = tuple[float, float, float, float]


class BoxFault(NamedTuple):
    """A fault of a box."""

    kind: FaultKind
    text: str


def box_fault(box: BoxCorners, area: float | None, size: tuple[int, int]) -> BoxFault | None:
    """The fault of a box; None if it can be clipped to its image and used.

    Args:
        box: Bounding box, xyxy pixels of the image.
        area: Area that the annotation states, square pixels; None if it does not.
        size: (height, width) of the image.
    """
    height, width = size
    left, top, right, bottom = box
    if not all(map(math.isfinite, (*box, 0.0 if area is None else area))):
        return BoxFault("not finite", f"box {shown(box)} is not all numbers; fix or delete it")
    if right < left or bottom < top:
        text = f"box {shown(box)} ends before it begins; corners are left, top, right, bottom"
        return BoxFault("reversed", text)
    if min(left, top) < -TOLERANCE or right > width + TOLERANCE or bottom > height + TOLERANCE:
        text = f"box {shown(box)} lies outside its image of {width} x {height}; fix the box or the size"
        return BoxFault("outside", text)
    left, top, right, bottom = cut(box, size)
    if min(right - left, bottom - top) < _THINNEST:
        return BoxFault("empty", f"box {shown(box)} has no area")
    return None


def cut(box: BoxCorners, size: tuple[int, int]) -> BoxCorners:
    """A box clipped to its image of (height, width)."""
    height, width = size
    left, top, right, bottom = box
    return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))


def sound(boxes: Float64Array, area: Float64Array, sizes: IntArray) -> BoolArray:
    """Whether each box is valid: it has no `box_fault`.

    Args:
        boxes: (N, 4) xyxy, pixels.
        area: (N,) square pixels.
        sizes: (N, 2) height and width of each box's image.

    Returns:
        (N,).
    """
    far = sizes[:, ::-1]
    inside = (boxes[:, :2] >= -TOLERANCE).all(1) & (boxes[:, 2:] <= far + TOLERANCE).all(1)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        extent = cut_all(boxes, sizes)
        extent = extent[:, 2:] - extent[:, :2]
    finite = np.isfinite(boxes).all(1) & np.isfinite(area)
    return np.asarray(inside & finite & (extent >= _THINNEST).all(1), dtype=np.bool_)


def cut_all(boxes: Float64Array, sizes: IntArray) -> Float64Array:
    """(N, 4) boxes, each clipped to its image of (N, 2) height and width."""
    low = np.maximum(boxes[:, :2], 0)
    return np.concatenate([low, np.minimum(boxes[:, 2:], sizes[:, ::-1])], axis=1)


def shown(box: BoxCorners) -> str:
    """The four numbers, rounded."""
    return "(" + ", ".join(f"{edge:g}" for edge in box) + ")"
