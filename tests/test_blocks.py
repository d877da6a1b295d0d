import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from yolo3 import CNNBlock, ConvSet, ResBlock, ResUnit
from yolo3.blocks import start_from_prior


def test_cnn_block_is_convolution_norm_activation() -> None:
    block = CNNBlock(3, 8, 3, stride=2).eval()
    x = torch.randn(2, 3, 8, 8)
    expected = nn.functional.leaky_relu(
        nn.functional.conv2d(x, block.conv.weight, stride=2, padding=1) / math.sqrt(1 + 1e-5), 0.1
    )
    torch.testing.assert_close(block(x), expected)
    assert block.conv.bias is None


def test_res_unit_adds_its_input() -> None:
    unit = ResUnit(8)
    nn.init.zeros_(unit.expand.norm.weight)
    x = torch.randn(1, 8, 4, 4)
    torch.testing.assert_close(unit(x), x)  # nothing is added when the branch is silent
    assert unit.squeeze.conv.out_channels == 4


def test_res_block_halves_the_map() -> None:
    block = ResBlock(4, 8, num_units=3)
    assert block(torch.randn(1, 4, 8, 8)).shape == (1, 8, 4, 4)
    assert len(block.units) == 3


@pytest.mark.parametrize(("depth", "kernels"), [(1, [1]), (3, [1, 3, 1]), (5, [1, 3, 1, 3, 1])])
def test_conv_set_alternates(depth: int, kernels: list[int]) -> None:
    layers = ConvSet(6, 4, depth).layers
    assert [layer.conv.kernel_size[0] for layer in layers] == kernels
    assert [layer.conv.out_channels for layer in layers] == [4 if kernel == 1 else 8 for kernel in kernels]


@pytest.mark.parametrize("depth", [0, 2, -1])
def test_conv_set_refuses_even_depths(depth: int) -> None:
    with pytest.raises(ValueError, match=f"odd number of convolutions, not {depth}"):
        ConvSet(6, 4, depth)


def test_a_subclass_and_another_activation_can_be_passed_in() -> None:
    class Doubled(CNNBlock):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    class Attentive(ResUnit):
        pass

    def silu_block(*args: int, **kwargs: int) -> CNNBlock:
        return CNNBlock(*args, **kwargs, activation=nn.SiLU)  # type: ignore[arg-type]

    assert isinstance(ConvSet(4, 4, 3, block=Doubled).layers[1], Doubled)
    block = ResBlock(4, 8, 2, unit=Attentive, block=silu_block)
    assert all(isinstance(unit, Attentive) for unit in block.units)
    assert not any(isinstance(module, nn.LeakyReLU) for module in block.modules())


@pytest.mark.parametrize("num_classes", [1, 20])
def test_prior_shifts_objectness_and_classes_only(num_classes: int) -> None:
    bias = torch.zeros(3 * (5 + num_classes))
    start_from_prior(bias, num_anchors=3)
    expected = [-4.5, 0, 0, 0, 0] + [math.log(0.6 / (num_classes - 0.99))] * num_classes
    assert bias.tolist() == pytest.approx(expected * 3)


def test_cnn_block_takes_what_a_convolution_takes() -> None:
    block = CNNBlock(4, 8, (1, 3), stride=(1, 2), padding=(0, 1), groups=2, dilation=2, bias=True)
    conv = block.conv
    assert (conv.kernel_size, conv.stride, conv.padding) == ((1, 3), (1, 2), (0, 1))
    assert (conv.groups, conv.dilation, conv.bias is not None) == (2, (2, 2), True)
    assert block(torch.rand(1, 4, 6, 6)).shape == (1, 8, 6, 2)


@pytest.mark.parametrize("kernel_size", [1, 3, 5, (1, 7), (3, 5)])
@pytest.mark.parametrize("dilation", [1, 2, 3, (2, 1)])
def test_cnn_block_keeps_height_and_width(kernel_size: int, dilation: int) -> None:
    assert CNNBlock(2, 2, kernel_size, dilation=dilation)(torch.rand(1, 2, 20, 24)).shape == (1, 2, 20, 24)


def test_cnn_block_with_another_norm_and_without() -> None:
    grouped = CNNBlock(4, 8, 3, norm=partial(nn.GroupNorm, 2))
    assert isinstance(grouped.norm, nn.GroupNorm)
    assert grouped.conv.bias is None
    plain = CNNBlock(4, 8, 3, norm=None, activation=None)
    x = torch.rand(1, 4, 6, 6)
    torch.testing.assert_close(plain(x), plain.conv(x))
    assert plain.conv.bias is not None  # no normalization has one in its place
    assert CNNBlock(4, 8, 3, norm=None, bias=False).conv.bias is None
