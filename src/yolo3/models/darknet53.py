"""Darknet-53, the backbone of YOLOv3."""

import math

from torch import Tensor, nn

from yolo3.blocks import BlockFactory, CNNBlock, ResBlock, ResUnit
from yolo3.parts import PartFactory

_UNITS = (1, 2, 8, 8, 4)


class Darknet53(nn.Sequential):
    """A stem and five residual blocks, each at half the size of the one before; gives the last maps.

    A subclass may add child modules and use them in a ``forward`` of its own; here they are left alone.

    Args:
        in_channels: Channels of the images.
        width: Factor of every number of channels; 1 is the published network.
        unit: Factory of a residual unit, called like `ResUnit`.
        block: Factory of a convolution, called like `CNNBlock`.
        num_maps: Number of maps to give, 1 to 5: the last three are at strides 8, 16 and 32, a fourth is at 4.

    Raises:
        ValueError: A width that is not above 0, or a num_maps outside 1 to 5.

    Source:
        YOLOv3, arXiv 1804.02767 table 1.
    """

    def __init__(
        self,
        in_channels: int = 3,
        width: float = 1.0,
        *,
        unit: PartFactory = ResUnit,
        block: BlockFactory = CNNBlock,
        num_maps: int = 3,
    ) -> None:
        if not 1 <= num_maps <= len(_UNITS):
            raise ValueError(f"num_maps is {num_maps}; Darknet53 has {len(_UNITS)} maps, at strides 2, 4, 8, 16, 32")
        channels = [scaled_channels(full, width) for full in (32, 64, 128, 256, 512, 1024)]
        stages = [ResBlock(channels[i], channels[i + 1], num_units, unit, block) for i, num_units in enumerate(_UNITS)]
        super().__init__(block(in_channels, channels[0], 3), *stages)
        self.in_channels = in_channels
        self.out_channels = tuple(channels[-num_maps:])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B, in_channels, H, W) -> the last maps, fine to coarse: at strides 8, 16 and 32 where there are three."""
        x = self[0](images)
        maps = []
        for stage in range(1, len(_UNITS) + 1):  # by number: a subclass may have more children than these
            x = self[stage](x)
            if stage > len(_UNITS) - len(self.out_channels):
                maps.append(x)
        return tuple(maps)


def scaled_channels(full: int, width: float) -> int:
    """Channels of a layer at a width multiplier: a multiple of 8, and at least 8.

    Raises:
        ValueError: A width that is not above 0, or not finite.
    """
    if not 0 < width < math.inf:
        raise ValueError(f"width is {width:g}; it must be above 0 and finite")
    return max(8, round(full * width / 8) * 8)
