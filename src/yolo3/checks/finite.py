"""Whether the numbers of a network can be computed with: one NaN among them and it finds nothing, without an error."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor


def unusable_numbers(tensors: Iterable[tuple[str, Tensor]]) -> str | None:
    """What is wrong with the weights of a network, in words; None if nothing is.

    Args:
        tensors: Names and values, as of ``state_dict().items()``. Integers are left out. A ``running_var``, the
            variance of a batch normalization, must not be negative either: its root would be NaN.

    Returns:
        Such as ``2 of 61,949,149 numbers are not finite, first in backbone.0.conv.weight``.
    """
    floating = [(name, tensor.detach()) for name, tensor in tensors if tensor.is_floating_point() and tensor.numel()]
    variances = [(name, tensor) for name, tensor in floating if name.endswith("running_var")]
    return _told("numbers are not finite", floating, _not_finite) or _told(
        "variances are negative", variances, _negative
    )


def all_finite(*tensors: Tensor) -> bool:
    """Whether there is neither NaN nor infinity in any of them."""
    # NaN passes through minimum and maximum; several times faster than to ask every number
    return all(not tensor.numel() or bool(torch.stack(tensor.aminmax()).isfinite().all()) for tensor in tensors)


def _told(complaint: str, tensors: list[tuple[str, Tensor]], count: Callable[[Tensor], int]) -> str | None:
    """Say how many numbers of all are wrong, and where the first one is."""
    counts = [(name, count(tensor)) for name, tensor in tensors]
    wrong = sum(found for _, found in counts)
    if not wrong:
        return None
    total = sum(tensor.numel() for _, tensor in tensors)
    first = next(name for name, found in counts if found)
    return f"{wrong:,} of {total:,} {complaint}, first in {first}"


def _not_finite(tensor: Tensor) -> int:
    return 0 if all_finite(tensor) else int((~tensor.isfinite()).sum())


def _negative(tensor: Tensor) -> int:
    return int((tensor < 0).sum())
