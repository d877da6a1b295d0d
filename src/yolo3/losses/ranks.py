"""Several processes that train together, each on its part of a batch, and means over the whole of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist
from torch import Tensor

_num_ranks = 1  # not a ContextVar, which torch.compile cannot read


@contextmanager
def one_batch() -> Iterator[None]:
    """Within, the batches of all processes of ``torch.distributed`` count as one; without it nothing changes.

    The loss of a process is then its part of the loss of the whole batch, times the number of processes, so that the
    mean over processes, which `torch.nn.parallel.DistributedDataParallel` takes of gradients, is that of the whole
    batch. Every mean waits for all processes: all must compute the same loss.
    """
    global _num_ranks
    before = _num_ranks
    if dist.is_available() and dist.is_initialized():
        _num_ranks = dist.get_world_size()
    try:
        yield
    finally:
        _num_ranks = before


def num_ranks() -> int:
    """How many processes share the batch: 1 but within `one_batch`."""
    return _num_ranks


def members_a_rank(count: Tensor) -> Tensor:
    """What a process divides its sum by to have its part of a mean: the mean count of all, at least one among them.

    Args:
        count: a scalar, the members in this process.
    """
    if _num_ranks == 1:
        return count.clamp(min=1)
    everywhere = count.clone()
    dist.all_reduce(everywhere)
    return everywhere.clamp(min=1) / _num_ranks
