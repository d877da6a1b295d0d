"""Distributed data parallel (DDP): what the processes of a training agree on, gather and average."""

import os
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from yolo3.training.sync_batchnorm import SYNCHRONISED

Item = TypeVar("Item")


def trainer_flags(
    device: torch.device, devices: int = 1, num_nodes: int = 1, any_frozen: bool = False
) -> dict[str, Any]:
    """Arguments of Lightning's ``Trainer`` that choose device, number of processes and strategy.

    Args:
        device: Kind of device; in one process also its index.
        devices: Processes per node, each with its own GPU or its share of the CPU cores.
        num_nodes: Number of machines; torchrun, SLURM or you start the program on each.
        any_frozen: Whether some weights have no gradient for a while; DDP then looks for them in each step.

    Raises:
        ValueError: More devices than there are, or a combination that cannot train together.
    """
    if devices < 1 or num_nodes < 1:
        raise ValueError(f"devices is {devices} and num_nodes {num_nodes}; both must be at least 1")
    started = int(os.environ["WORLD_SIZE"]) if dist.is_torchelastic_launched() else devices * num_nodes
    if started != devices * num_nodes:
        raise ValueError(
            f"torchrun has started {started} processes, devices {devices} x num_nodes {num_nodes} are "
            f"{devices * num_nodes}; give devices and num_nodes as torchrun has --nproc-per-node and --nnodes"
        )
    if device.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device {device} cannot train; choose auto, cpu or cuda")
    kind = "gpu" if device.type == "cuda" else device.type
    if devices * num_nodes == 1:
        return {"accelerator": kind, "devices": [device.index or 0] if device.type == "cuda" else 1}
    if device.type not in ("cpu", "cuda") or device.index is not None:
        raise ValueError(f"device {device} trains in one process; with devices {devices} choose auto, cpu or cuda")
    if device.type == "cuda" and devices > torch.cuda.device_count():
        raise ValueError(f"devices is {devices}, but this machine has {torch.cuda.device_count()} GPU(s)")
    strategy = "ddp_find_unused_parameters_true" if any_frozen else "ddp"
    return {"accelerator": kind, "devices": devices, "num_nodes": num_nodes, "strategy": strategy}


def dealt(num_items: int, batch_size: int, rank: int = 0, world_size: int = 1) -> list[list[int]]:
    """The batches of one process when items are dealt out in turn, each item exactly once.

    A process without items has one empty batch, since all processes must take part in what follows.
    """
    mine = list(range(rank, num_items, world_size))
    return [mine[first : first + batch_size] for first in range(0, len(mine), batch_size)] or [[]]


def gathered(items: list[Item], world_size: int) -> list[Item]:
    """The items of all processes, in every process, in the order before they were `dealt`."""
    if world_size == 1:
        return items
    parts: list[list[Item]] = [[] for _ in range(world_size)]
    dist.all_gather_object(parts, items)
    boxed = [[(item,) for item in part] for part in parts]  # so that None may be an item
    return [box[0] for box in chain.from_iterable(zip_longest(*boxed)) if box is not None]


@torch.no_grad()
def average_statistics(module: nn.Module) -> None:
    """Average the running means and variances of batch normalisation over all processes.

    Each process has seen other images. Statistics that are synchronised anyway are left alone.
    """
    statistics = [
        tensor
        for norm in module.modules()
        if isinstance(norm, nn.modules.batchnorm._BatchNorm) and not isinstance(norm, SYNCHRONISED)
        for tensor in (norm.running_mean, norm.running_var)
        if tensor is not None
    ]
    if statistics:
        together = torch.cat(statistics)
        dist.all_reduce(together)
        _fill(statistics, together / dist.get_world_size())


def _fill(tensors: Sequence[Tensor], values: Tensor) -> None:
    for tensor, part in zip(tensors, values.split([len(tensor) for tensor in tensors]), strict=True):
        tensor.copy_(part)


class Vote:
    """Tells all processes what one of them wants, by way of the CPU, so that no accelerator is waited for.

    Args:
        world_size: Number of processes; each of them makes a vote at the same time.
    """

    def __init__(self, world_size: int) -> None:
        self._group = dist.new_group(backend="gloo") if world_size > 1 else None

    def any(self, wanted: bool) -> bool:
        """Whether any process wants it; all processes call this and get the same answer."""
        if self._group is None:
            return wanted
        wishes = torch.tensor(int(wanted))
        dist.all_reduce(wishes, group=self._group)
        return bool(wishes)


def has_lost_another(error: RuntimeError) -> bool:
    """Whether an error says that another process no longer answers."""
    signs = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Connection refused")
    return any(sign in str(error) for sign in signs)
