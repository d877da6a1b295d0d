"""The kernels of a convolution; a mixed convolution has several, and divides its filters among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

MixedSplit = Literal["channels", "parameters"]
"""Equal numbers of filters for every kernel size, or equal numbers of parameters."""


@dataclass(frozen=True)
class Kernel:
    """One kernel size of a convolution."""

    size: int
    padding: int
    filters: int


def split_filters(filters: int, sizes: Sequence[int], split: MixedSplit) -> tuple[int, ...] | None:
    """Number of filters of each kernel size; None where rounding misses the total.

    Args:
        filters: Number of filters in total.
        sizes: Kernel sizes.
        split: ``channels``: filter f of F belongs to kernel ⌊f·k / F⌋ of k. ``parameters``: shares proportional to 1 /
            size², rounded.
    """
    if split == "channels":
        firsts = [-(-number * filters // len(sizes)) for number in range(len(sizes) + 1)]  # rounded up
        return tuple(after - first for first, after in pairwise(firsts))
    shares = [1 / size**2 for size in sizes]
    rounded = tuple(round(filters * share / sum(shares)) for share in shares)
    return rounded if sum(rounded) == filters else None
