"""Anchors: the box shapes that predictions are measured from."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from yolo3.boxes.kmeans import best_wh_iou, kmeans_sizes

Size = tuple[float, float]

SizeDecoding = Literal["exp", "sigmoid"]
"""Function from a network's output t to the ratio of a box's size to its anchor: exp(t), or (2σ(t))² in (0, 4)."""


@dataclass(frozen=True)
class Anchors:
    """The anchors of each scale and the stride of its grid.

    They are plain numbers: they print, compare, and are stored in a checkpoint unchanged.

    Args:
        sizes: Anchor sizes (width, height) per scale, coarse to fine, in pixels of the network input. They do not
            change with the input size.
        strides: Pixels per cell for each scale, coarse to fine.
        xy_scales: Scale s of the centre offset for each scale, which lets a centre reach beyond its cell:
            x = s·σ − (s − 1)/2. 1 in YOLOv3; ``scale_x_y`` in Darknet. Empty means 1 at every scale.
        size_decoding: Prediction of the ratio of a box to its anchor. ``exp``: w = exp(t)·anchor, as in YOLOv2 and
            YOLOv3. ``sigmoid``: w = (2σ(t))²·anchor, at most four times the anchor; ``new_coords`` in Darknet.

    Raises:
        ValueError: Sizes and strides of different lengths; a scale without anchors; a size, stride or xy_scale that is
            not positive and finite; an unknown size_decoding.
    """

    sizes: tuple[tuple[Size, ...], ...]
    strides: tuple[int, ...] = (32, 16, 8)
    xy_scales: tuple[float, ...] = ()
    size_decoding: SizeDecoding = "exp"

    def __post_init__(self) -> None:
        sizes = tuple(tuple((float(width), float(height)) for width, height in scale) for scale in self.sizes)
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "strides", tuple(int(stride) for stride in self.strides))
        xy_scales = self.xy_scales or (1.0,) * len(self.strides)
        object.__setattr__(self, "xy_scales", tuple(float(scale) for scale in xy_scales))
        if not len(sizes) == len(self.strides) == len(xy_scales):
            counts = f"{len(sizes)} scales of anchors, {len(self.strides)} strides and {len(xy_scales)} xy_scales"
            raise ValueError(f"{counts}; give one of each per scale")
        if not sizes or not all(sizes):
            raise ValueError("a scale without anchors; give every scale at least one (width, height)")
        if not all(0 < edge < math.inf for scale in sizes for size in scale for edge in size):
            raise ValueError(f"anchor sizes must be positive pixels, not {sizes}")
        if not all(0 < scale < math.inf for scale in self.xy_scales):
            raise ValueError(f"xy_scales must be positive, not {self.xy_scales}")
        if not all(stride > 0 for stride in self.strides):
            raise ValueError(f"strides must be positive pixels per cell, not {self.strides}")
        if self.size_decoding not in get_args(SizeDecoding):
            raise ValueError(f"size_decoding is {self.size_decoding!r}; choose exp or sigmoid")

    @classmethod
    def fit(
        cls,
        sizes_wh: Tensor,
        num_scales: int = 3,
        per_scale: int = 3,
        seed: int = 0,
        starts: int = 10,
        strides: tuple[int, ...] = (32, 16, 8),
    ) -> "Anchors":
        """Fit anchors to the boxes of a data set, by k-means on 1 - wh-IoU.

        Args:
            sizes_wh: (N, 2) width and height of every box, pixels of the network input.
            num_scales: Number of scales. The largest anchors go to the first stride, the coarsest.
            per_scale: Number of anchors per scale, small to large.
            seed: Seed of the random starts. The same arguments give the same anchors.
            starts: Number of k-means runs, of which the best result is used.
            strides: Pixels per cell for each scale, coarse to fine.

        Raises:
            ValueError: Different numbers of strides and scales; sizes that are not positive; fewer different sizes than
                anchors.

        Source:
            YOLO9000, arXiv 1612.08242 §2, "Dimension Clusters".
        """
        if len(strides) != num_scales:
            raise ValueError(f"{num_scales} scales and strides {strides}; give one stride per scale")
        sizes = kmeans_sizes(sizes_wh, num_scales * per_scale, seed, starts)
        rounded = [(round(width, 1), round(height, 1)) for width, height in sizes.tolist()]
        scales = [tuple(rounded[first : first + per_scale]) for first in range(0, len(rounded), per_scale)]
        return cls(tuple(reversed(scales)), strides)

    def best_iou(self, sizes_wh: Tensor) -> Tensor:
        """(N,) wh-IoU of (N, 2) box sizes with their best anchor over all scales."""
        return best_wh_iou(sizes_wh, torch.cat([self.tensor(scale, sizes_wh) for scale in range(len(self))]))

    def __len__(self) -> int:
        """The number of scales."""
        return len(self.sizes)

    def __iter__(self) -> Iterator[tuple[tuple[Size, ...], int]]:
        """(sizes, stride) of each scale, coarse to fine."""
        return iter(zip(self.sizes, self.strides, strict=True))

    def tensor(self, scale: int, like: Tensor) -> Tensor:
        """(A, 2) width and height in pixels of one scale's anchors, on the device and in the type of ``like``."""
        return torch.tensor(self.sizes[scale], dtype=like.dtype, device=like.device)


COCO_ANCHORS = Anchors(
    (
        ((116, 90), (156, 198), (373, 326)),
        ((30, 61), (62, 45), (59, 119)),
        ((10, 13), (16, 30), (33, 23)),
    )
)
"""The anchors of YOLOv3 on COCO. Source: arXiv 1804.02767 §2.3."""
