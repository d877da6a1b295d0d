import copy
import pickle

import pytest
import torch
from torch import Tensor, nn

from yolo3.blocks import CNNBlock
from yolo3.darknet import Darknet
from yolo3.models import YOLOv3
from yolo3.models.fusing import fuse
from yolo3.runtime import packing
from yolo3.runtime.packing import PackedConvolution, pack

pytestmark = pytest.mark.skipif(not packing._works(torch.float32), reason="this PyTorch is built without oneDNN")
_bf16 = pytest.mark.skipif(not packing._works(torch.bfloat16), reason="this CPU has no bfloat16 for oneDNN")


def _count(network: nn.Module, kind: type[nn.Module]) -> int:
    return sum(type(module) is kind for module in network.modules())


def _same(network: nn.Module, images: Tensor) -> nn.Module:
    packed = pack(network.eval())
    with torch.inference_mode():
        torch.testing.assert_close(packed(images), network(images), rtol=1e-4, atol=1e-5)
    return packed


def test_yolov3_keeps_its_predictions() -> None:
    network = fuse(YOLOv3(3, width=0.0625)).to(memory_format=torch.channels_last)
    packed = _same(network, torch.rand(2, 3, 64, 96))
    assert _count(packed, nn.Conv2d) == _count(packed, nn.LeakyReLU) == 0
    assert _count(packed, PackedConvolution) == _count(network, nn.Conv2d)
    assert _count(network, nn.LeakyReLU) > 0
    for shape in ((1, 3, 64, 96), (3, 3, 32, 32), (1, 3, 64, 96)):  # each with a layout of its own
        images = torch.rand(shape)
        with torch.inference_mode():
            torch.testing.assert_close(packed(images), network(images), rtol=1e-4, atol=1e-5)


def test_darknet_keeps_its_predictions() -> None:
    packed = _same(fuse(Darknet("yolov3-tiny.cfg")), torch.rand(1, 3, 64, 64))
    assert _count(packed, nn.Conv2d) == 0


def test_weights_are_shared_not_copied() -> None:
    block = fuse(CNNBlock(3, 4, 3))
    assert pack(block).conv.weight is block.conv.weight
    assert type(block.conv) is nn.Conv2d


@_bf16
def test_bfloat16_is_cast_and_rounded_as_without() -> None:
    block = fuse(CNNBlock(16, 32, 3)).to(torch.bfloat16)
    images = torch.rand(1, 16, 9, 9)
    with torch.inference_mode():
        found, expected = pack(block)(images), block(images.bfloat16())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.01)


class Doubling(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class ByHand(nn.Module):
    """Reads the weights of a convolution itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.conv.weight)


def _patched(layer: nn.Module) -> nn.Module:
    """With a ``forward`` of its own, as some libraries give to layers."""
    layer.forward = lambda x: type(layer).forward(layer, x) + 1
    return layer


def _hooked() -> nn.Conv2d:
    conv = nn.Conv2d(2, 2, 1)
    conv.register_forward_hook(lambda module, inputs, output: output + 1)
    return conv


@pytest.mark.parametrize(
    "layer",
    [
        Doubling(2, 2, 1),
        ByHand(),
        _hooked(),
        nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(2, 2, 3, padding="same"),
        nn.ConvTranspose2d(2, 2, 1),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 2, 1)),
        _patched(nn.Conv2d(2, 2, 1)),
    ],
)
def test_what_it_does_not_know_stays(layer: nn.Module) -> None:
    packed = _same(nn.Sequential(layer, nn.ReLU()), torch.randn(1, 2, 5, 5))
    assert _count(packed, PackedConvolution) == 0
    assert _count(packed, nn.ReLU) == 1


@pytest.mark.parametrize(
    ("activation", "left"),
    [(nn.LeakyReLU(0.3), 0), (nn.ReLU(), 0), (nn.SiLU(), 1), (nn.Mish(), 1), (nn.Sigmoid(), 1)],
)
@pytest.mark.parametrize("groups", [1, 4])
def test_activations(activation: nn.Module, left: int, groups: int) -> None:
    layers = nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, dilation=2, groups=groups), nn.Identity(), activation)
    packed = _same(layers, torch.randn(2, 4, 9, 11))
    assert _count(packed, PackedConvolution) == 1
    assert _count(packed, type(activation)) == left


def test_layers_that_stand_twice() -> None:
    conv, activation = nn.Conv2d(2, 2, 1), nn.LeakyReLU(0.1)
    packed = _same(
        nn.Sequential(activation, conv, activation, conv, nn.Conv2d(2, 2, 1), activation), torch.randn(1, 2, 4, 4)
    )
    assert _count(packed, nn.Conv2d) == 1  # counted once though it stands twice
    assert _count(packed, PackedConvolution) == 1


def test_without_the_operation_everything_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_works", lambda dtype: False)
    assert _count(pack(fuse(CNNBlock(3, 4, 3))), nn.Conv2d) == 1


def test_a_type_that_the_operation_does_not_take() -> None:
    assert not packing._works(torch.float64)
    block = fuse(CNNBlock(3, 4, 3)).double()
    assert pack(block)(torch.rand(1, 3, 4, 4, dtype=torch.float64)).dtype == torch.float64


def test_sequences_of_nothing() -> None:
    network = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Sequential(), nn.Sequential(nn.Identity()))
    assert _count(_same(network, torch.randn(1, 2, 4, 4)), PackedConvolution) == 1


def test_what_stands_between_a_convolution_and_its_activation_is_still_done() -> None:
    tapped = nn.Identity()
    tapped.register_forward_hook(lambda module, inputs, output: output - 1)
    for between, activation in ((tapped, nn.ReLU()), (nn.Identity(), _patched(nn.ReLU()))):
        packed = _same(nn.Sequential(nn.Conv2d(2, 2, 1), between, activation), torch.randn(1, 2, 4, 4))
        assert _count(packed, nn.ReLU) == 1


def test_what_has_run_may_be_copied_and_pickled() -> None:
    images = torch.rand(1, 3, 8, 8)
    packed = pack(fuse(CNNBlock(3, 4, 3)))
    with torch.inference_mode():
        expected = packed(images)
        for twin in (copy.deepcopy(packed), pickle.loads(pickle.dumps(packed))):
            assert torch.equal(twin(images), expected)
