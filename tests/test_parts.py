import pytest
import torch
from torch import nn

from yolo3 import CNNBlock, ResBlock, ResUnit
from yolo3.parts import build_part, channels_of_maps, check_maps


class ChannelsOnly(ResUnit):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)


class OwnNames(ResUnit):
    def __init__(self, c: int, convolution: type[CNNBlock]) -> None:
        super().__init__(c, convolution)


class Strong(ResUnit):
    def __init__(self, channels: int, strength: float = 0.5) -> None:
        super().__init__(channels)
        self.strength = strength


class Wide(CNNBlock):
    pass


def test_a_part_gets_the_settings_that_it_has_parameters_for() -> None:
    assert not isinstance(build_part(ChannelsOnly, 8, block=Wide).squeeze, Wide)
    assert isinstance(build_part(ResUnit, 8, block=Wide).squeeze, Wide)
    assert isinstance(build_part(OwnNames, 8, block=Wide).squeeze, Wide)
    assert isinstance(build_part(lambda *args: ResUnit(*args), 8, block=Wide).squeeze, Wide)
    assert isinstance(build_part(lambda c, **settings: ResUnit(c, **settings), 8, block=Wide).squeeze, Wide)
    assert build_part(Strong, 8, block=Wide).strength == 0.5  # not the block


def test_a_unit_that_takes_channels_alone() -> None:
    block = ResBlock(4, 8, 2, unit=ChannelsOnly)
    assert block(torch.rand(1, 4, 8, 8)).shape == (1, 8, 4, 4)


def test_a_unit_of_other_channels_is_named() -> None:
    class Doubling(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(channels, 2 * channels, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x)

    with pytest.raises(ValueError, match="Doubling gave a map of 16 channels, the next part takes 8"):
        ResBlock(4, 8, 1, unit=Doubling)(torch.rand(1, 4, 8, 8))


def test_maps_are_what_the_backbone_says() -> None:
    backbone = nn.Identity()
    backbone.out_channels = (4, 8)
    fine, coarse = torch.rand(1, 4, 4, 4), torch.rand(1, 8, 2, 2)
    assert [each.shape[1] for each in check_maps((fine, coarse), backbone)] == [8, 4]
    assert channels_of_maps(backbone, (32, 16)) == (8, 4)
    with pytest.raises(ValueError, match="Identity gave 3 maps, its out_channels says 2"):
        check_maps((fine, coarse, coarse), backbone)
    with pytest.raises(ValueError, match=r"Identity gave a map of 8 channels, its out_channels\[0\] says 4"):
        check_maps((coarse, fine), backbone)
    with pytest.raises(ValueError, match="Identity gave a Tensor, its out_channels says 2 maps"):
        check_maps(fine, backbone)
