"""k-means on box shapes: anchors that fit a data set."""

import torch
from torch import Tensor

from yolo3.boxes.iou import wh_iou

_ROUNDS = 300  # k-means converges long before


def kmeans_sizes(sizes: Tensor, k: int, seed: int = 0, starts: int = 10) -> Tensor:
    """The k cluster centres of box shapes, with 1 - wh-IoU as the distance.

    The run with the highest mean best IoU is used. The result depends on the arguments alone.

    Args:
        sizes: (N, 2) width and height, any one unit.
        k: Number of clusters.
        seed: Seed of the random starts.
        starts: Number of runs.

    Returns:
        (k, 2) width and height, small to large by area.

    Raises:
        ValueError: Sizes that are not (N, 2), finite and positive; fewer different sizes than k.

    Source:
        The distance: YOLO9000, arXiv 1612.08242 §2. The starts: k-means++, Arthur and Vassilvitskii 2007.
    """
    sizes = torch.as_tensor(sizes).double()
    if sizes.ndim != 2 or sizes.shape[1] != 2:
        raise ValueError(f"sizes must be (N, 2) width and height, not {tuple(sizes.shape)}")
    sound = (sizes.isfinite() & (sizes > 0)).all(dim=1)
    if not sound.all():
        index = int((~sound).nonzero()[0])
        raise ValueError(f"size {index} is {sizes[index].tolist()}; widths and heights must be finite and above 0")
    different = len(sizes.unique(dim=0))
    if different < k or k < 1 or starts < 1:
        raise ValueError(f"{k} anchors from {different} different sizes and {starts} starts; each must be at least 1")
    generator = torch.Generator().manual_seed(seed)
    found = [_settled(sizes, _start(sizes, k, generator)) for _ in range(starts)]
    best = max(found, key=lambda centres: float(best_wh_iou(sizes, centres).mean()))
    return best[best.prod(dim=1).argsort()]


def best_wh_iou(sizes: Tensor, centres: Tensor) -> Tensor:
    """(N,) wh-IoU of (N, 2) sizes with the best of (k, 2) centres."""
    return wh_iou(sizes[:, None], centres.to(sizes)).amax(dim=1)


def _start(sizes: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """(k, 2) initial centres, drawn from the sizes with higher probability for a worse fit by earlier centres."""
    weight = torch.ones(len(sizes), dtype=sizes.dtype)
    chosen: list[int] = []
    for _ in range(k):
        chosen.append(int(_draw(weight, generator)))
        weight = (1 - best_wh_iou(sizes, sizes[chosen])).square()
        weight[(sizes[:, None] == sizes[chosen]).all(2).any(1)] = 0  # rounding must not draw a size twice
    return sizes[chosen]


def _draw(weight: Tensor, generator: torch.Generator) -> Tensor:
    """An index drawn by weight; `torch.multinomial` accepts at most 2²⁴ weights."""
    total = weight.cumsum(0)
    return torch.searchsorted(total, torch.rand(1, generator=generator, dtype=weight.dtype) * total[-1], right=True)


def _settled(sizes: Tensor, centres: Tensor) -> Tensor:
    """Move each centre to the mean of its nearest sizes, until no size changes its centre."""
    nearest = torch.full((len(sizes),), -1)
    for _ in range(_ROUNDS):
        before = nearest
        nearest = wh_iou(sizes[:, None], centres).argmax(dim=1)
        if torch.equal(before, nearest):
            break
        count = torch.bincount(nearest, minlength=len(centres))[:, None]
        mean = torch.zeros_like(centres).index_add(0, nearest, sizes) / count.clamp(min=1)
        centres = torch.where(count > 0, mean, centres)  # a centre without sizes stays where it is
    return centres
