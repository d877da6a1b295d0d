"""Darknet's layers that read several maps, and the learned vectors that they are given.

A layer is called with the maps that it reads, (B, C, H, W) each, in the order of the cfg.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from yolo3.darknet.activations import ACTIVATIONS


class Shortcut(nn.Module):
    """The sum of maps; where channels differ, only the first ones that both have are added.

    Maps have the same height and width, are 1 x 1, or are k times as large, where every k-th row and column counts.

    Args:
        num_inputs: Number of maps that it reads.
        activation: Name of the activation, see `ACTIVATIONS`.
        columns: Learned weights per input: 0 for none, 1 for one per map, or one for every channel of the output.
        normalization: How the learned weights w of the n inputs become factors: ``none`` unchanged, ``relu``
            w⁺ / (Σ w⁺ + 1e-4), ``softmax`` likewise with exp(w - max w), ``sigmoid`` σ(w)·2/n.
        steps: k for each map but the first. Default: 1 for all.

    Source:
        Darknet's ``shortcut_cpu`` and ``shortcut_multilayer_cpu``; ``sigmoid`` is the form of the PyTorch programs that
        introduced learned weights.
    """

    def __init__(
        self,
        num_inputs: int,
        activation: str,
        columns: int = 0,
        normalization: str = "none",
        steps: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        start = 0.0 if normalization == "sigmoid" else 1.0
        # a vector, as in the file: weight decay skips it
        self.weights = nn.Parameter(torch.full((num_inputs * columns,), start)) if columns else None
        self.num_inputs = num_inputs
        self.normalization = normalization
        self.steps = (1,) * (num_inputs - 1) if steps is None else tuple(steps)
        self.activation = ACTIVATIONS[activation]()

    @property
    def factors(self) -> Tensor | None:
        """(num_inputs, columns) factor of each input, or of each of its channels; None without weights."""
        if self.weights is None:
            return None
        weights = self.weights.view(self.num_inputs, -1)
        if self.normalization == "none":
            return weights
        if self.normalization == "sigmoid":
            return weights.sigmoid() * 2 / self.num_inputs
        positive = weights.relu() if self.normalization == "relu" else (weights - weights.amax(dim=0)).exp()
        return positive / (positive.sum(dim=0) + 1e-4)

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """(B, C, H, W), (B, C', k·H, k·W), … -> (B, C, H, W)."""
        factors = self.factors
        if factors is not None:
            x = x * factors[0][:, None, None]
        for number, (other, step) in enumerate(zip(others, self.steps, strict=True), start=1):
            shared = min(x.shape[1], other.shape[1])
            added = other[:, :shared] if step == 1 else other[:, :shared, ::step, ::step]
            if factors is not None:
                added = added * factors[number][:shared, None, None]
            if shared == x.shape[1]:
                x = x + added
            else:
                x = torch.cat([x[:, :shared] + added, x[:, shared:]], dim=1)
        return self.activation(x)


class Route(nn.Module):
    """Maps concatenated channel-wise; with groups, one group of the channels of each."""

    def __init__(self, groups: int, group_id: int) -> None:
        super().__init__()
        self.groups = groups
        self.group_id = group_id

    def forward(self, *maps: Tensor) -> Tensor:
        """(B, C, H, W), (B, C', H, W), … -> (B, (C + C' + …) / groups, H, W)."""
        if self.groups > 1:
            maps = tuple(map_.chunk(self.groups, dim=1)[self.group_id] for map_ in maps)
        return maps[0] if len(maps) == 1 else torch.cat(maps, dim=1)


class Product(nn.Module):
    """The elementwise product of two maps, one of which may be 1 x 1: ``[scale_channels]``, ``[sam]`` and the like."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """(B, C, H, W) and (B, C, H, W) or (B, C, 1, 1), in any order -> (B, C, H, W)."""
        return self.activation(x * other)


class Implicit(nn.Module):
    """Learned values that do not depend on the image.

    Args:
        channels: Number of channels.
        atoms: Number of rows.
        mean: Mean of the initial values.
        std: Standard deviation of the initial values.

    Source:
        YOLOR, arXiv 2105.04206; Darknet's ``forward_implicit_layer``.
    """

    def __init__(self, channels: int, atoms: int, mean: float, std: float) -> None:
        super().__init__()
        # a vector, as in the file: weight decay skips it
        self.weights = nn.Parameter(torch.empty(channels * atoms).normal_(mean, std))
        self.atoms = atoms

    def forward(self) -> Tensor:
        """(1, channels, atoms, 1)."""
        return self.weights.view(1, -1, self.atoms, 1)
