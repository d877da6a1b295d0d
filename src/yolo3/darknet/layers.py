"""Darknet's layers that read one map: convolutions, pooling and the like.

A layer is called with the maps that it reads, (B, C, H, W) each, in the order of the cfg.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from yolo3.darknet.activations import ACTIVATIONS
from yolo3.darknet.kernels import Kernel


class MixedConv(nn.ModuleList):
    """Parallel convolutions of several kernel sizes whose outputs are concatenated."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, sum of all out_channels, H', W')."""
        return torch.cat([conv(x) for conv in self], dim=1)


class Convolution(nn.Sequential):
    """Convolution, optional batch normalization, activation.

    Args:
        in_channels: Channels of the input (B, in_channels, H, W).
        kernels: Kernels; more than one makes a mixed convolution.
        stride: (vertical, horizontal) stride.
        groups: Number of channel groups.
        activation: Name of the activation, see `ACTIVATIONS`.
        batch_normalize: Whether to normalize; without it the convolution has a bias.
        bn_eps: Added to the variance in batch normalization.
        dilation: Pixels from one weight of a kernel to the next.
    """

    def __init__(
        self,
        in_channels: int,
        kernels: Sequence[Kernel],
        stride: tuple[int, int],
        groups: int,
        activation: str,
        batch_normalize: bool,
        bn_eps: float,
        dilation: int = 1,
    ) -> None:
        convs = [
            nn.Conv2d(
                in_channels,
                kernel.filters,
                kernel.size,
                stride,
                padding=kernel.padding,
                dilation=dilation,
                groups=groups,
                bias=not batch_normalize,
            )
            for kernel in kernels
        ]
        parts: OrderedDict[str, nn.Module] = OrderedDict(conv=convs[0] if len(convs) == 1 else MixedConv(convs))
        if batch_normalize:
            parts["norm"] = nn.BatchNorm2d(sum(kernel.filters for kernel in kernels), eps=bn_eps)
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


class LocalAvgPool(nn.Module):
    """The mean of every window; padding does not count. Arguments as in `MaxPool`.

    Source:
        Darknet's ``forward_local_avgpool_layer``.
    """

    def __init__(self, size: int, stride: tuple[int, int], padding: int) -> None:
        super().__init__()
        before = padding // 2
        after = padding - before
        self.size = size
        self.stride = stride
        self.border = (before, after, before, after)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H', W')."""
        inside = functional.pad(torch.ones_like(x[:1, :1]), self.border)
        share = functional.avg_pool2d(inside, self.size, self.stride)
        return functional.avg_pool2d(functional.pad(x, self.border), self.size, self.stride) / share


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


class SpaceToDepth(nn.Module):
    """Every block of stride x stride pixels becomes channels: AlexeyAB's ``[reorg3d]``.

    Channel k of the output holds channel k mod C at offset k // C within the block, counted row by row.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C·s², H/s, W/s)."""
        batch_size, channels, height, width = x.shape
        blocks = x.reshape(batch_size, channels, height // self.stride, self.stride, width // self.stride, self.stride)
        by_offset = blocks.permute(0, 3, 5, 1, 2, 4)  # (B, s, s, C, H/s, W/s)
        return by_offset.reshape(batch_size, -1, height // self.stride, width // self.stride)


class Reorg(SpaceToDepth):
    """`SpaceToDepth` as in the original program, which treats a map as one of another shape: ``[reorg]``.

    It reads the values of a (C, H, W) map as (C/s², H·s, W·s), rearranges these to (C, H, W), and takes the result for
    the (C·s², H/s, W/s) that the layer promises.

    Source:
        Darknet's ``reorg_cpu``, as ``forward_reorg_layer`` calls it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C·s², H/s, W/s)."""
        batch_size, channels, height, width = x.shape
        area = self.stride**2
        misread = x.reshape(batch_size, channels // area, height * self.stride, width * self.stride)
        rearranged = super().forward(misread)
        return rearranged.reshape(batch_size, channels * area, height // self.stride, width // self.stride)
