"""The order of the four numbers of boxes, and which order fits the images."""

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from yolo3.data.box_checks import TOLERANCE
from yolo3.data.sample import BoolArray, Float64Array, IntArray

BoxOrder = Literal["xyxy", "xywh", "cxcywh"]
"""Meaning of the four numbers of a box: two corners; top left corner, width and height; or centre, width and height."""

AnyOrder = BoxOrder | Literal["yxyx"]
"""An order of a format, or one that no format has, which some programs write by mistake."""

IN_WORDS: Mapping[AnyOrder, str] = {
    "xyxy": "left, top, right, bottom",
    "xywh": "left, top, width, height",
    "cxcywh": "centre x, centre y, width, height",
    "yxyx": "top, left, bottom, right",
}
"""Possible orders of the numbers of a box."""

ORDERS: tuple[BoxOrder, ...] = get_args(BoxOrder)

_LEAST_MISFITS = 3  # boxes, and 2 %: fewer are single mistakes, not a wrong order of the numbers


def as_corners(numbers: Float64Array, order: AnyOrder) -> Float64Array:
    """(M, 4) numbers of boxes in some order -> (M, 4) xyxy."""
    x, y, z, w = numbers.T
    if order == "xyxy":
        return numbers
    if order == "xywh":
        return np.stack([x, y, x + z, y + w], axis=1)
    if order == "cxcywh":
        return np.stack([x - z / 2, y - w / 2, x + z / 2, y + w / 2], axis=1)
    return np.stack([y, x, w, z], axis=1)


def misfits(numbers: Float64Array, order: AnyOrder, sizes: IntArray) -> BoolArray:
    """Whether each box, read in an order, is reversed, without area, or outside its image.

    Args:
        numbers: (M, 4) numbers of the boxes, pixels.
        order: Order to read them in.
        sizes: (M, 2) height and width of each box's image.

    Returns:
        (M,).
    """
    boxes = as_corners(numbers, order)
    inside = (boxes[:, :2] >= -TOLERANCE).all(1) & (boxes[:, 2:] <= sizes[:, ::-1] + TOLERANCE).all(1)
    return np.asarray(~(inside & (boxes[:, 2:] > boxes[:, :2]).all(1)), dtype=np.bool_)


def is_misread(wrong: int, left: int, total: int) -> bool:
    """Whether boxes are in another order than the one they are read in.

    Args:
        wrong: Number of boxes that do not fit in the order they are read in.
        left: Number of boxes that do not fit in the other order.
        total: Number of boxes.
    """
    return wrong >= max(_LEAST_MISFITS, 0.02 * total) and left <= 0.1 * wrong
