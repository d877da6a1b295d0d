"""Darknet-53, the backbone of YOLOv3."""

import math
from collections.abc import Callable

from torch import Tensor, nn

from yolo3.blocks import BlockFactory, CNNBlock, ResBlock, ResUnit


class Darknet53(nn.Sequential):
    """A stem and five residual blocks, each at half the size of the one before; gives the last three maps.

    A subclass may add child modules and use them in a ``forward`` of its own; here they are left alone.

    Args:
        in_channels: Channels of the images.
        width: Factor of every number of channels; 1 is the published network.
        unit: Factory of a residual unit, called as ``unit(channels, block)``.
        block: Factory of a convolution, called like `CNNBlock`.

    Source:
        YOLOv3, arXiv 1804.02767 table 1.
    """

    def __init__(
        self,
        in_channels: int = 3,
        width: float = 1.0,
        *,
        unit: Callable[..., nn.Module] = ResUnit,
        block: BlockFactory = CNNBlock,
    ) -> None:
        channels = [scaled_channels(full, width) for full in (32, 64, 128, 256, 512, 1024)]
        stages = [
            ResBlock(channels[i], channels[i + 1], num_units, unit, block)
            for i, num_units in enumerate((1, 2, 8, 8, 4))
        ]
        super().__init__(block(in_channels, channels[0], 3), *stages)
        self.in_channels = in_channels
        self.out_channels = (channels[3], channels[4], channels[5])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, in_channels, H, W) -> maps at strides 8, 16 and 32, fine to coarse."""
        # by number: a subclass may have more children than the stem and the five stages
        x = self[2](self[1](self[0](images)))
        at_8 = self[3](x)
        at_16 = self[4](at_8)
        return at_8, at_16, self[5](at_16)


def scaled_channels(full: int, width: float) -> int:
    """Channels of a layer at a width multiplier: a multiple of 8, and at least 8.

    Raises:
        ValueError: A width that is not above 0, or not finite.
    """
    if not 0 < width < math.inf:
        raise ValueError(f"width is {width:g}; it must be above 0 and finite")
    return max(8, round(full * width / 8) * 8)
