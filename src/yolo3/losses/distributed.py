"""Means over a batch that several processes share (DDP)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist
from torch import Tensor

_world_size = 1  # not a ContextVar, which torch.compile cannot read


@contextmanager
def global_batch() -> Iterator[None]:
    """Context in which the batches of all processes of ``torch.distributed`` count as one.

    The loss of a process is then its part of the loss of the whole batch, times the number of processes, so that the
    mean over processes, which `torch.nn.parallel.DistributedDataParallel` takes of gradients, is that of the whole
    batch. Every mean waits for all processes: all must compute the same loss. Without ``torch.distributed`` nothing
    changes.
    """
    global _world_size
    before = _world_size
    if dist.is_available() and dist.is_initialized():
        _world_size = dist.get_world_size()
    try:
        yield
    finally:
        _world_size = before


def world_size() -> int:
    """Number of processes that share the batch; 1 outside `global_batch`."""
    return _world_size


def count_per_process(count: Tensor) -> Tensor:
    """Count averaged over all processes (at least 1), so that DDP's gradient averaging gives the global mean.

    Args:
        count: Number of members in this process, a scalar.
    """
    if _world_size == 1:
        return count.clamp(min=1)
    everywhere = count.clone()
    dist.all_reduce(everywhere)
    return everywhere.clamp(min=1) / _world_size
