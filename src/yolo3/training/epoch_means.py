"""Means over an epoch that outlive a stop in the middle of it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class EpochMeans:
    """Sums what Lightning averages over an epoch, since in a training that is resumed it begins to count anew.

    What came before the stop is told to Lightning together with the first batch after it. Of several processes the
    first speaks for all.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0
        self._is_taken_up = False

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "EpochMeans":
        """What another one had as its `state_dict`; nothing of an empty one."""
        means = cls()
        if state:
            means._sums, means._count, means._is_taken_up = dict(state["sums"]), state["count"], True
        return means

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on."""
        return {"sums": {name: total.cpu() for name, total in self._sums.items()}, "count": self._count}

    def add(self, values: Mapping[str, Tensor], count: int) -> tuple[Mapping[str, Tensor], int]:
        """Take in a batch.

        Args:
            values: its means, scalars.
            count: the images it has.

        Returns:
            Means and how many images they are of, for Lightning: those of the batch, but just after a stop, of all
            the epoch so far.
        """
        nothing = torch.zeros(())
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, nothing).to(value.device) + value.detach() * count
        self._count += count
        if not self._is_taken_up:
            return values, count
        self._is_taken_up = False
        return {name: self._sums[name] / self._count for name in values}, self._count
