"""Means of the losses over an epoch that survive an interruption in the middle of it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class EpochMeans:
    """Sums what Lightning averages over an epoch, since Lightning starts to count anew when a training resumes.

    The batches before the interruption are passed to Lightning together with the first one after it. Of several
    processes the first stands for all.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0
        self._is_restored = False

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "EpochMeans":
        """Restored from a `state_dict`; empty if that is empty."""
        means = cls()
        if state:
            means._sums, means._count, means._is_restored = dict(state["sums"]), state["count"], True
        return means

    def state_dict(self) -> dict[str, Any]:
        """Sums and count so far."""
        return {"sums": {name: total.cpu() for name, total in self._sums.items()}, "count": self._count}

    def add(self, values: Mapping[str, Tensor], count: int) -> tuple[Mapping[str, Tensor], int]:
        """Add a batch.

        Args:
            values: Mean of each loss term over the batch, scalars.
            count: Number of images in the batch.

        Returns:
            Means and their number of images for Lightning, those of the batch, or after an interruption those of the
            epoch so far.
        """
        nothing = torch.zeros(())
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, nothing).to(value.device) + value.detach() * count
        self._count += count
        if not self._is_restored:
            return values, count
        self._is_restored = False
        return {name: self._sums[name] / self._count for name in values}, self._count
