"""The layers of Darknet that YOLOv3 and its relatives consist of.

A layer is called with the maps that it reads, (B, C, H, W) each, in the order of the cfg.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from yolo3.blocks import leaky_relu

ACTIVATIONS = {
    "linear": nn.Identity,
    "leaky": leaky_relu,
    "relu": nn.ReLU,
    "logistic": nn.Sigmoid,
    "mish": nn.Mish,
    "swish": nn.SiLU,
    "silu": nn.SiLU,
}
"""Constructor of each activation, by its name in a cfg."""


class MixedConv(nn.ModuleList):
    """Parallel convolutions of several kernel sizes whose outputs are concatenated."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, sum of all out_channels, H', W')."""
        return torch.cat([conv(x) for conv in self], dim=1)


class Convolution(nn.Sequential):
    """Convolution, optional batch normalization, activation.

    Args:
        in_channels: Channels of the input (B, in_channels, H, W).
        out_channels: Channels of the output, split evenly over the kernel sizes.
        sizes: Kernel sizes; more than one makes a mixed convolution.
        stride: (vertical, horizontal) stride.
        padding: Padding for each kernel size.
        groups: Number of channel groups.
        activation: Name of the activation, see `ACTIVATIONS`.
        batch_normalize: Whether to normalize; without it the convolution has a bias.
        bn_eps: Added to the variance in batch normalization.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        sizes: Sequence[int],
        stride: tuple[int, int],
        padding: Sequence[int],
        groups: int,
        activation: str,
        batch_normalize: bool,
        bn_eps: float,
    ) -> None:
        share = out_channels // len(sizes)
        convs = [
            nn.Conv2d(in_channels, share, size, stride, padding=pad, groups=groups, bias=not batch_normalize)
            for size, pad in zip(sizes, padding, strict=True)
        ]
        parts: OrderedDict[str, nn.Module] = OrderedDict(conv=convs[0] if len(convs) == 1 else MixedConv(convs))
        if batch_normalize:
            parts["norm"] = nn.BatchNorm2d(out_channels, eps=bn_eps)
        parts["activation"] = ACTIVATIONS[activation]()
        super().__init__(parts)

    @property
    def convs(self) -> list[nn.Conv2d]:
        """The convolution of each kernel size."""
        return [module for module in self.modules() if isinstance(module, nn.Conv2d)]

    @property
    def normalization(self) -> nn.BatchNorm2d | None:
        """The batch normalization, if any."""
        return next((module for module in self if isinstance(module, nn.BatchNorm2d)), None)

    @property
    def shift(self) -> Tensor | None:
        """(out_channels,) added before the activation: the bias of the convolution or of the batch normalization."""
        return self.convs[0].bias if self.normalization is None else self.normalization.bias


class Shortcut(nn.Module):
    """The sum of maps of equal height and width; where channels differ, only the first ones that both have are added.

    Args:
        num_inputs: Number of maps that it reads.
        activation: Name of the activation, see `ACTIVATIONS`.
        columns: Learned weights per input: 0 for none, 1 for one per map, or one for every channel of the output.
        normalization: How the learned weights w of the n inputs become factors: ``none`` unchanged, ``relu``
            w⁺ / (Σ w⁺ + 1e-4), ``softmax`` likewise with exp(w - max w), ``sigmoid`` σ(w)·2/n.

    Source:
        Darknet's ``shortcut_multilayer_cpu``; ``sigmoid`` is the form of the PyTorch programs that introduced these.
    """

    def __init__(self, num_inputs: int, activation: str, columns: int = 0, normalization: str = "none") -> None:
        super().__init__()
        start = 0.0 if normalization == "sigmoid" else 1.0
        # a vector, as in the file: weight decay skips it
        self.weights = nn.Parameter(torch.full((num_inputs * columns,), start)) if columns else None
        self.num_inputs = num_inputs
        self.normalization = normalization
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
        """(B, C, H, W), (B, C', H, W), … -> (B, C, H, W)."""
        factors = self.factors
        if factors is not None:
            x = x * factors[0][:, None, None]
        for number, other in enumerate(others, start=1):
            shared = min(x.shape[1], other.shape[1])
            added = other[:, :shared]
            if factors is not None:
                added = added * factors[number][:shared, None, None]
            x = x + added if shared == x.shape[1] else torch.cat([x[:, :shared] + added, x[:, shared:]], dim=1)
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


class ScaleChannels(nn.Module):
    """A map with every channel multiplied by a number, as in squeeze-and-excitation."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]()

    def forward(self, scales: Tensor, x: Tensor) -> Tensor:
        """(B, C, 1, 1) and (B, C, H, W) -> (B, C, H, W)."""
        return self.activation(scales * x)


class MaxPool(nn.Sequential):
    """The largest value of every window; padding counts as -∞.

    Args:
        size: Height and width of the window.
        stride: (vertical, horizontal) stride.
        padding: Rows and columns outside the map; half of them (rounded down) are above and on the left.
    """

    def __init__(self, size: int, stride: tuple[int, int], padding: int) -> None:
        pool = nn.MaxPool2d(size, stride, padding // 2)  # equal on all sides, and at most half of the window
        extra = padding % 2
        border = [nn.ConstantPad2d((0, extra, 0, extra), float("-inf"))] if extra else []
        super().__init__(*border, pool)


class Softmax(nn.Module):
    """Softmax over groups of all values of a map together."""

    def __init__(self, groups: int, temperature: float) -> None:
        super().__init__()
        self.groups = groups
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        logits = x.flatten(1).unflatten(1, (self.groups, -1)) / self.temperature
        return logits.softmax(dim=-1).view_as(x)


class Prediction(nn.Module):
    """Darknet's ``[yolo]``: the map before it, viewed anchor by anchor."""

    def __init__(self, num_anchors: int) -> None:
        super().__init__()
        self.num_anchors = num_anchors

    def forward(self, x: Tensor) -> Tensor:
        """(B, A·(5 + C), S, S) -> (B, A, S, S, 5 + C) logits [objectness, x, y, w, h, classes]."""
        return x.unflatten(1, (self.num_anchors, -1)).permute(0, 1, 3, 4, 2)
