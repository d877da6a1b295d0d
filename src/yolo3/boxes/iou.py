"""Overlap of boxes: IoU and its descendants."""

import math
from typing import Literal

import torch
from torch import Tensor

Overlap = Literal["iou", "giou", "diou", "ciou"]


def box_iou(a: Tensor, b: Tensor, kind: Overlap = "iou") -> Tensor:
    """Overlap of boxes that broadcast against each other.

    Args:
        a: (..., 4) xyxy, any one unit; ``a[:, None]`` against ``b`` gives the pairwise matrix.
        b: (..., 4) xyxy, the same unit.
        kind: ``iou`` lies in [0, 1]; ``giou`` and ``diou`` in [-1, 1], ``ciou`` a little below, with a gradient when
            boxes are apart.

    Returns:
        (...,) overlap; finite, with finite gradients, for boxes without area too.

    Raises:
        ValueError: an unknown kind.

    Source:
        GIoU arXiv 1902.09630 algorithm 1; DIoU and CIoU arXiv 1911.08287 eq. 7 and 10.
    """
    tiny = smallest_area(a)
    (a_low, a_high), (b_low, b_high) = (a[..., :2], a[..., 2:]), (b[..., :2], b[..., 2:])
    a_size, b_size = a_high - a_low, b_high - b_low
    shared = _area((torch.minimum(a_high, b_high) - torch.maximum(a_low, b_low)).clamp(min=0))
    union = _area(a_size) + _area(b_size) - shared
    iou = shared / union.clamp(min=tiny)
    if kind == "iou":
        return iou
    hull = torch.maximum(a_high, b_high) - torch.minimum(a_low, b_low)
    if kind == "giou":
        hull_area = _area(hull).clamp(min=tiny)
        return iou - (hull_area - union) / hull_area
    between = ((a_low + a_high - b_low - b_high) / 2).square().sum(-1)
    diou = iou - between / hull.square().sum(-1).clamp(min=tiny)
    if kind == "diou":
        return diou
    if kind == "ciou":
        angle = torch.atan2(a_size[..., 0], a_size[..., 1]) - torch.atan2(b_size[..., 0], b_size[..., 1])
        aspect = 4 / math.pi**2 * angle.square()
        with torch.no_grad():  # a trade-off weight, not a path for the gradient (arXiv 1911.08287, after eq. 11)
            alpha = aspect / (1 - iou + aspect).clamp(min=tiny)
        return diou - alpha * aspect
    raise ValueError(f"unknown overlap kind {kind!r}; choose iou, giou, diou or ciou")


def wh_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of boxes laid on one centre, from their sizes alone: how anchors are matched.

    Args:
        a: (..., 2) width and height, any one unit; broadcasts against ``b``.
        b: (..., 2) width and height, the same unit.

    Returns:
        (...,) IoU in [0, 1].

    Source:
        YOLOv3, arXiv 1804.02767 §2.1.
    """
    shared = _area(torch.minimum(a, b))
    return shared / (_area(a) + _area(b) - shared).clamp(min=smallest_area(a))


def _area(size: Tensor) -> Tensor:
    """(...,) product of (..., 2) width and height; `prod` would be slower, and its gradient waits for the device."""
    return size[..., 0] * size[..., 1]


def smallest_area(boxes: Tensor) -> float:
    """What an area of zero counts as in a division, so that values and gradients stay finite."""
    return max(1e-9, torch.finfo(boxes.dtype).tiny)
