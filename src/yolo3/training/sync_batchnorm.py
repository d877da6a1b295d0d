"""Synchronised batch normalisation on any device: torch's own is used on GPUs, and refuses the CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

_Norm = nn.BatchNorm1d | nn.BatchNorm2d


class SyncBatchNorm1d(nn.BatchNorm1d):
    """`BatchNorm1d` that trains on the statistics over all processes of ``torch.distributed``."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C) or (B, C, L) values, as many as come in."""
        return _normalize(self, input) if self.training else super().forward(input)


class SyncBatchNorm2d(nn.BatchNorm2d):
    """`BatchNorm2d` that trains on the statistics over all processes of ``torch.distributed``."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) values, as many as come in."""
        return _normalize(self, input) if self.training else super().forward(input)


SYNCHRONISED = (SyncBatchNorm1d, SyncBatchNorm2d, nn.SyncBatchNorm)
"""Layers whose statistics are synchronised over all processes."""


@contextmanager
def synchronised(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Context in which batch normalisation trains on statistics over all processes.

    The layers stay the same objects and change their class: to `torch.nn.SyncBatchNorm` on GPUs, to a class of this
    file elsewhere.

    Args:
        module: Network; nothing else of it changes.
        device: Device that it trains on.
    """
    plain: list[tuple[Any, Any]] = [
        (norm, type(norm)) for norm in module.modules() if type(norm) in (nn.BatchNorm1d, nn.BatchNorm2d)
    ]
    for norm, kind in plain:
        if device.type == "cuda":
            norm.__class__ = nn.SyncBatchNorm
            norm.process_group = None  # all processes
        else:
            norm.__class__ = SyncBatchNorm1d if kind is nn.BatchNorm1d else SyncBatchNorm2d
    try:
        yield
    finally:
        for norm, kind in plain:
            norm.__class__ = kind


@contextmanager
def alone(module: nn.Module) -> Iterator[None]:
    """Context in which no batch normalisation of a module waits for other processes, even if `synchronised`."""
    waiting: list[tuple[Any, Any]] = [(norm, type(norm)) for norm in module.modules() if type(norm) in SYNCHRONISED]
    for norm, kind in waiting:
        norm.__class__ = nn.BatchNorm1d if kind is SyncBatchNorm1d else nn.BatchNorm2d
    try:
        yield
    finally:
        for norm, kind in waiting:
            norm.__class__ = kind


class _SumOverRanks(torch.autograd.Function):
    """The sum over all processes. What depends on it in any process has a gradient here."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        everywhere = values.clone()
        dist.all_reduce(everywhere)
        return everywhere

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        everywhere = gradient.clone()
        dist.all_reduce(everywhere)
        return everywhere


def _normalize(norm: _Norm, values: Tensor) -> Tensor:
    """Normalise as `norm` does in training, with the mean and variance of each channel over all processes.

    First the mean, then the variance around it: the mean of squares minus the square of the mean would lose all digits
    of a channel that hardly varies.
    """
    x = values.to(torch.promote_types(values.dtype, torch.float32))
    variance, mean = torch.var_mean(x, [0, *range(2, x.ndim)], correction=0)  # (C,)
    count = x.numel() / x.shape[1]
    sums = _sum_over_ranks(torch.cat([mean * count, mean.new_tensor([count])]))
    total = sums[-1].detach()
    mean_of_all = sums[:-1] / total
    variance_of_all = _sum_over_ranks((variance + (mean - mean_of_all).square()) * count) / total
    _update_running_statistics(norm, mean_of_all.detach(), variance_of_all.detach() * total / (total - 1).clamp(min=1))

    def per_channel(vector: Tensor) -> Tensor:
        return vector.view(-1, *[1] * (x.ndim - 2))  # (C, 1, 1) for images

    normal = (x - per_channel(mean_of_all)) * per_channel((variance_of_all + norm.eps).rsqrt())
    if norm.affine:
        normal = torch.addcmul(per_channel(norm.bias), normal, per_channel(norm.weight))
    return normal.to(values.dtype)


def _sum_over_ranks(values: Tensor) -> Tensor:
    if not (dist.is_available() and dist.is_initialized()):
        return values
    everywhere: Tensor = _SumOverRanks.apply(values)  # type: ignore[no-untyped-call]
    return everywhere


@torch.no_grad()
def _update_running_statistics(norm: _Norm, mean: Tensor, variance: Tensor) -> None:
    """Update the running statistics, as torch does."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked.add_(1)
    share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean, share)
    norm.running_var.lerp_(variance, share)
