"""The building blocks of YOLOv3, smallest first.

Each can be subclassed and handed to the next: `block` is what makes a convolution (a `CNNBlock`, or anything called
like one), `unit` what makes a residual unit. A part need not have a parameter for the `block`: it then makes its
convolutions itself. Source: YOLOv3, arXiv 1804.02767 §2.4.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from yolo3.boxes import height_width
from yolo3.parts import PartFactory, build_part, check_channels

_DEEPEST = 99  # convolutions of a ConvSet: each is built one by one, even where they take no memory

BlockFactory = Callable[..., nn.Module]
"""Called as ``block(in_channels, out_channels, kernel_size, stride=1)``, like `CNNBlock`."""


def leaky_relu() -> nn.Module:
    """Darknet's "leaky" activation: slope 0.1 below zero."""
    return nn.LeakyReLU(0.1, inplace=True)  # in place saves a map per block: the result has the signs of the input


class CNNBlock(nn.Module):
    """Convolution, batch normalization, activation. The defaults keep height and width and leave out the bias.

    Args:
        in_channels: Channels of the input (B, in_channels, H, W).
        out_channels: Channels of the output (B, out_channels, H / stride, W / stride).
        kernel_size: Kernel size, or its height and width.
        stride: Step of the kernel, pixels.
        padding: Zeros on each side, as `nn.Conv2d` takes them. Default: as many as keep height and width at stride 1,
            where the kernel size is odd.
        groups: Number of groups of channels that are convolved apart.
        dilation: Distance between the points of the kernel, pixels.
        bias: Whether the convolution has a bias. Default: only without a normalization, which has its own.
        norm: Factory of the normalization, called with the number of channels; None leaves it out.
        activation: Factory of the activation; None leaves it out.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        *,
        padding: int | tuple[int, int] | str | None = None,
        groups: int = 1,
        dilation: int | tuple[int, int] = 1,
        bias: bool | None = None,
        norm: Callable[[int], nn.Module] | None = nn.BatchNorm2d,
        activation: Callable[[], nn.Module] | None = leaky_relu,
    ) -> None:
        super().__init__()
        if padding is None:
            padding = _same(kernel_size, dilation)
        if bias is None:
            bias = norm is None  # a normalization subtracts the mean, and with it any bias before it
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, dilation=dilation, groups=groups, bias=bias
        )
        self.norm = nn.Identity() if norm is None else norm(out_channels)
        self.activation = nn.Identity() if activation is None else activation()

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride)."""
        return self.activation(self.norm(self.conv(x)))


def _same(kernel_size: int | tuple[int, int], dilation: int | tuple[int, int]) -> tuple[int, int]:
    """The padding that keeps height and width at stride 1, for a kernel of odd size."""
    height, width = height_width(kernel_size)
    down, across = height_width(dilation)
    return down * (height // 2), across * (width // 2)


class ResUnit(nn.Module):
    """1×1 to half the channels, 3×3 back, added to the input: (B, channels, H, W) stays what it is."""

    def __init__(self, channels: int, block: BlockFactory = CNNBlock) -> None:
        super().__init__()
        self.squeeze = block(channels, channels // 2, 1)
        self.expand = block(channels // 2, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same shape."""
        return x + self.expand(self.squeeze(x))


class ResBlock(nn.Module):
    """A 3×3 convolution of stride 2, then residual units.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output, which has half the height and width.
        num_units: Number of residual units.
        unit: Factory of a residual unit, called like `ResUnit`: ``unit(channels, block=block)``, or ``unit(channels)``
            where it has no parameter for the block.
        block: Factory of a convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_units: int,
        unit: PartFactory = ResUnit,
        block: BlockFactory = CNNBlock,
    ) -> None:
        super().__init__()
        self.downsample = block(in_channels, out_channels, 3, stride=2)
        self.units = nn.Sequential(*(build_part(unit, out_channels, block=block) for _ in range(num_units)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H / 2, W / 2).

        Raises:
            ValueError: Residual units that give another number of channels than they take.
        """
        x = self.downsample(x)
        if not len(self.units):
            return x
        return check_channels(self.units(x), self.units[-1], x.shape[1])


class ConvSet(nn.Module):
    """A 1×1 convolution, then (depth - 1) / 2 times a 3×3 to twice the channels and a 1×1 back.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output, which has the same height and width.
        depth: Number of convolutions, odd and at most 99: 1 in the compact network, 5 in the published one.
        block: Factory of a convolution.

    Raises:
        ValueError: A depth that is even or out of range.
    """

    def __init__(self, in_channels: int, out_channels: int, depth: int = 1, block: BlockFactory = CNNBlock) -> None:
        super().__init__()
        if not 1 <= depth <= _DEEPEST or depth % 2 == 0:
            few = f"the published one has 5, {_DEEPEST} are the most"
            raise ValueError(f"a ConvSet has an odd number of convolutions, not {depth}; {few}")
        layers = [block(in_channels, out_channels, 1)]
        for _ in range(depth // 2):
            layers += [block(out_channels, 2 * out_channels, 3), block(2 * out_channels, out_channels, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H, W)."""
        return self.layers(x)


def start_from_prior(bias: Tensor, num_anchors: int) -> None:
    """Shift the bias of a prediction layer, in place, to what an untrained network should believe.

    Objects are rare: without this the first steps are spent on driving thousands of background slots down.

    Args:
        bias: (num_anchors · (5 + C),) in the order [objectness, x, y, w, h, classes] per anchor.
        num_anchors: Number of anchors of the scale.

    Source:
        The prior of RetinaNet, arXiv 1708.02002 §3.3, at -4.5 for objectness and 0.6 / (C - 0.99) for the classes.
    """
    with torch.no_grad():
        columns = bias.view(num_anchors, -1)
        num_classes = columns.shape[1] - 5
        columns[:, 0] -= 4.5  # a probability of 0.011
        # a probability of 0.6 / (C - 0.39): 0.03 at 20 classes, 0.98 where there is only one to choose
        columns[:, 5:] += math.log(0.6 / (num_classes - 0.99))
