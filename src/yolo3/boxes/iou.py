"""Overlap of boxes: IoU and its descendants."""

import math
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from yolo3.choices import check_choice

Overlap = Literal["iou", "giou", "diou", "ciou", "eiou", "siou", "wiou"]
"""Kinds of overlap; `box_iou` names their sources."""


def box_iou(a: Tensor, b: Tensor, kind: Overlap = "iou", *, power: float = 1.0) -> Tensor:
    """Overlap of boxes that broadcast against each other.

    Args:
        a: (..., 4) xyxy, any one unit; ``a[:, None]`` against ``b`` gives the pairwise matrix.
        b: (..., 4) xyxy, the same unit.
        kind: ``iou`` lies in [0, 1]; the others reach 1 too and fall below 0, with a gradient when boxes are apart:
            ``giou``, ``diou``, ``eiou`` and ``siou`` to -1, -1, -3 and -2 at the least, ``ciou`` a little below -1,
            ``wiou`` to 1 - e.
        power: α of α-IoU: the power of the IoU and of each penalty. 1 is the plain overlap; the paper trains with 3.
            Not available for ``wiou``.

    Returns:
        (...,) overlap; finite, with finite gradients, for boxes without area too.

    Raises:
        ValueError: An unknown kind; a power that is not above 0 or that is combined with ``wiou``.

    Source:
        GIoU arXiv 1902.09630 algorithm 1; DIoU and CIoU arXiv 1911.08287 eq. 7 and 10; EIoU arXiv 2101.08158 eq. 3;
        SIoU arXiv 2205.12740, whose angle cost 1 - 2·sin²(arcsin x - π/4) is 2x√(1 - x²); WIoU v1 arXiv 2301.10051
        eq. 6; α-IoU arXiv 2110.13675 eq. 3.
    """
    check_overlap(kind, power)
    pair = _measured(a, b)
    if kind == "wiou":
        return 1 - _attention(pair) * (1 - pair.iou)
    overlap = _raised(pair.iou, power)
    for penalty in _PENALTIES[kind]:
        overlap = overlap - _raised(penalty(pair), power)
    return overlap


def check_overlap(kind: Overlap, power: float) -> None:
    """Raise the ValueError of a kind and power that `box_iou` does not have."""
    check_choice("kind of overlap", kind, Overlap)
    if power <= 0 or (power != 1 and kind == "wiou"):
        raise ValueError(f"power is {power:g}; it must be above 0, and 1 with wiou")


class _Pair(NamedTuple):
    """Measures of two boxes, from which the penalties are computed."""

    a_size: Tensor
    """(..., 2) width and height of a."""
    b_size: Tensor
    """(..., 2) width and height of b."""
    between: Tensor
    """(..., 2) vector from the centre of b to that of a."""
    hull: Tensor
    """(..., 2) width and height of the smallest box around both."""
    union: Tensor
    """(...,) area of the union."""
    iou: Tensor
    """(...,) IoU."""
    tiny: float
    """Smallest denominator of a division."""


def _measured(a: Tensor, b: Tensor) -> _Pair:
    tiny = smallest_area(a)
    a_low, a_high = a[..., :2], a[..., 2:]
    b_low, b_high = b[..., :2], b[..., 2:]
    a_size = a_high - a_low
    b_size = b_high - b_low
    shared = _area((torch.minimum(a_high, b_high) - torch.maximum(a_low, b_low)).clamp(min=0))
    union = _area(a_size) + _area(b_size) - shared
    return _Pair(
        a_size=a_size,
        b_size=b_size,
        between=(a_low + a_high - b_low - b_high) / 2,
        hull=torch.maximum(a_high, b_high) - torch.minimum(a_low, b_low),
        union=union,
        iou=shared / union.clamp(min=tiny),
        tiny=tiny,
    )


def _empty_hull(pair: _Pair) -> Tensor:
    """GIoU: the share of the hull that neither box covers."""
    hull_area = _area(pair.hull).clamp(min=pair.tiny)
    return (hull_area - pair.union) / hull_area


def _centre_distance(pair: _Pair) -> Tensor:
    """DIoU: squared distance of the centres, in squared diagonals of the hull."""
    return pair.between.square().sum(-1) / pair.hull.square().sum(-1).clamp(min=pair.tiny)


def _aspect(pair: _Pair) -> Tensor:
    """CIoU: difference of the aspect ratios, weighted the more the better the boxes overlap."""
    a_angle = torch.atan2(pair.a_size[..., 0], pair.a_size[..., 1])
    b_angle = torch.atan2(pair.b_size[..., 0], pair.b_size[..., 1])
    aspect = 4 / math.pi**2 * (a_angle - b_angle).square()  # angles lie in [0, π/2], so this in [0, 1]
    with torch.no_grad():  # a trade-off weight, not a path for the gradient (arXiv 1911.08287, after eq. 11)
        alpha = aspect / (1 - pair.iou + aspect).clamp(min=pair.tiny)
    return alpha * aspect


def _width_difference(pair: _Pair) -> Tensor:
    """EIoU: squared difference of the widths, in squared widths of the hull."""
    return _size_difference(pair)[..., 0]


def _height_difference(pair: _Pair) -> Tensor:
    """EIoU: squared difference of the heights, in squared heights of the hull."""
    return _size_difference(pair)[..., 1]


def _size_difference(pair: _Pair) -> Tensor:
    return (pair.a_size - pair.b_size).square() / pair.hull.square().clamp(min=pair.tiny)


def _angle_distance_and_shape(pair: _Pair) -> Tensor:
    """SIoU: half of the distance cost, which the angle between the centres makes steeper, plus the shape cost."""
    squared = pair.between.square()
    angle = 2 * _area(pair.between.abs()) / squared.sum(-1).clamp(min=pair.tiny)  # 2·sin·cos of it
    distance = squared / pair.hull.square().clamp(min=pair.tiny)
    distance_cost = (1 - ((angle[..., None] - 2) * distance).exp()).sum(-1)
    difference = (pair.a_size - pair.b_size).abs() / torch.maximum(pair.a_size, pair.b_size).clamp(min=pair.tiny)
    shape_cost = (1 - (-difference).exp()).pow(4).sum(-1)  # θ of the paper is 4
    return (distance_cost + shape_cost) / 2


def _attention(pair: _Pair) -> Tensor:
    """WIoU: the factor of its loss, larger for distant centres. The size of the hull has no gradient."""
    diagonal = pair.hull.square().sum(-1).clamp(min=pair.tiny).detach()
    return (pair.between.square().sum(-1) / diagonal).exp()


_PENALTIES: Mapping[Overlap, tuple[Callable[[_Pair], Tensor], ...]] = {
    "iou": (),
    "giou": (_empty_hull,),
    "diou": (_centre_distance,),
    "ciou": (_centre_distance, _aspect),
    "eiou": (_centre_distance, _width_difference, _height_difference),
    "siou": (_angle_distance_and_shape,),
}
"""Penalties that each kind subtracts from the IoU; ``wiou`` is a factor instead."""


def _raised(value: Tensor, power: float) -> Tensor:
    return value if power == 1 else value**power


def wh_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of boxes with a common centre, from their sizes alone; anchors are matched by it.

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
    """(...,) product of (..., 2) width and height; `prod` is slower, and its gradient waits for the device."""
    return size[..., 0] * size[..., 1]


def smallest_area(boxes: Tensor) -> float:
    """Smallest area in a division, so that values and gradients stay finite."""
    # 1e-9 is less than a pixel even in fractions of an image of 8,192 pixels: (1 / 8192)² is 1.5e-8
    return max(1e-9, torch.finfo(boxes.dtype).tiny)
