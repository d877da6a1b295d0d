"""k-means on box shapes: anchors that fit a data set."""

import torch
from torch import Tensor

from yolo3.boxes.iou import wh_iou

_ROUNDS = 300  # k-means settles long before


def kmeans_sizes(sizes: Tensor, k: int, seed: int = 0, starts: int = 10) -> Tensor:
    """The k box shapes that the given ones gather around, with 1 - wh-IoU as the distance.

    Of several random starts the one of highest mean best IoU counts, so the result depends on the arguments alone.

    Args:
        sizes: (N, 2) width and height, any one unit.
        k: how many.
        seed: of the starts.
        starts: how many.

    Returns:
        (k, 2) width and height, small to large by area.

    Raises:
        ValueError: sizes that are not (N, 2), finite and positive, or fewer different ones than k.

    Source:
        The distance: YOLO9000, arXiv 1612.08242 §2. The starts: k-means++, Arthur and Vassilvitskii 2007.
    """
    sizes = torch.as_tensor(sizes).double()
    if sizes.ndim != 2 or sizes.shape[1] != 2:
        raise ValueError(f"sizes are (N, 2) width and height, not {tuple(sizes.shape)}")
    sound = (sizes.isfinite() & (sizes > 0)).all(dim=1)
    if not sound.all():
        index = int((~sound).nonzero()[0])
        raise ValueError(f"size {index} is {sizes[index].tolist()}; widths and heights are finite and above 0")
    different = len(sizes.unique(dim=0))
    if different < k or k < 1 or starts < 1:
        raise ValueError(f"{k} anchors from {different} different sizes and {starts} starts; each must be at least 1")
    generator = torch.Generator().manual_seed(seed)
    found = [_settled(sizes, _start(sizes, k, generator)) for _ in range(starts)]
    best = max(found, key=lambda centres: float(best_wh_iou(sizes, centres).mean()))
    return best[best.prod(dim=1).argsort()]


def best_wh_iou(sizes: Tensor, centres: Tensor) -> Tensor:
    """(N,) wh-IoU of each of (N, 2) sizes with the best of (k, 2) others."""
    return wh_iou(sizes[:, None], centres.to(sizes)).amax(dim=1)


def _start(sizes: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """(k, 2) of the sizes, each drawn the more probably the worse the earlier ones fit it."""
    weight = torch.ones(len(sizes), dtype=sizes.dtype)
    chosen: list[int] = []
    for _ in range(k):
        chosen.append(int(_draw(weight, generator)))
        weight = (1 - best_wh_iou(sizes, sizes[chosen])).square()
        weight[(sizes[:, None] == sizes[chosen]).all(2).any(1)] = 0  # rounding must not draw one twice
    return sizes[chosen]


def _draw(weight: Tensor, generator: torch.Generator) -> Tensor:
    """An index, by weight; `torch.multinomial` would stop at 2²⁴ of them."""
    total = weight.cumsum(0)
    return torch.searchsorted(total, torch.rand(1, generator=generator, dtype=weight.dtype) * total[-1], right=True)


def _settled(sizes: Tensor, centres: Tensor) -> Tensor:
    """Move each centre to the mean of the sizes nearest to it, until none changes its centre."""
    nearest = torch.full((len(sizes),), -1)
    for _ in range(_ROUNDS):
        before, nearest = nearest, wh_iou(sizes[:, None], centres).argmax(dim=1)
        if torch.equal(before, nearest):
            break
        count = torch.bincount(nearest, minlength=len(centres))[:, None]
        mean = torch.zeros_like(centres).index_add(0, nearest, sizes) / count.clamp(min=1)
        centres = torch.where(count > 0, mean, centres)  # one that nothing is near to stays where it is
    return centres
