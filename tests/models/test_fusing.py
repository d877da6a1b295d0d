from functools import partial

import pytest
import torch
from torch import Tensor, nn

from yolo3.blocks import CNNBlock, ResUnit
from yolo3.darknet import Darknet
from yolo3.models import YOLOv3
from yolo3.models.fusing import fuse


def _with_statistics(network: nn.Module) -> nn.Module:
    """Numbers such as training leaves, not those of a new BatchNorm, which does nothing."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    return network


def _norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def _same(network: nn.Module, fused: nn.Module, images: Tensor) -> None:
    with torch.no_grad():
        found, expected = fused(images), network.eval()(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_block_by_hand():
    block = CNNBlock(1, 1, 1, activation=nn.Identity)
    with torch.no_grad():
        block.conv.weight.fill_(3.0)
        block.norm.running_mean.fill_(2.0)
        block.norm.running_var.fill_(4.0 - block.norm.eps)
        block.norm.weight.fill_(5.0)
        block.norm.bias.fill_(1.0)
    fused = fuse(block)
    assert fused.conv.weight.item() == pytest.approx(3 * 5 / 2)
    assert fused.conv.bias.item() == pytest.approx(1 - 2 * 5 / 2)


def test_yolov3_keeps_its_predictions_and_the_original_its_state():
    model = _with_statistics(YOLOv3(3, width=0.125)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fused = fuse(model)
    assert _norms(fused) == 0
    assert not fused.training
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    images = torch.rand(2, 3, 64, 96)
    _same(model, fused, images)
    boxes, expected = (network.decode(network(images)).boxes for network in (fused, model))
    assert (boxes - expected).abs().max() < 1e-3  # pixels


def test_darknet_keeps_its_predictions():
    model = _with_statistics(Darknet("yolov3-tiny.cfg"))
    fused = fuse(model)
    assert _norms(model) == 11
    assert _norms(fused) == 0
    _same(model, fused, torch.rand(1, 3, 64, 64))


class WithNormTwice(CNNBlock):
    def forward(self, x: Tensor) -> Tensor:
        convolved = self.conv(x)
        return self.activation(self.norm(convolved) + convolved)


def test_blocks_with_a_forward_of_their_own_stay():
    unit = _with_statistics(ResUnit(8, block=WithNormTwice))
    fused = fuse(unit)
    assert _norms(fused) == 2
    _same(unit, fused, torch.rand(1, 8, 5, 5))

    block = _with_statistics(CNNBlock(8, 8, 3))
    block.forward = partial(WithNormTwice.forward, block)
    assert _norms(fuse(block)) == 1


class Doubling(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    "layers",
    [
        [Doubling(2, 2, 1), nn.BatchNorm2d(2)],
        [nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 2, 1)), nn.BatchNorm2d(2)],
        [nn.Conv2d(2, 2, 1), nn.ReLU(), nn.BatchNorm2d(2)],
        [nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1)],
        [nn.ConvTranspose2d(2, 2, 1), nn.BatchNorm2d(2)],
    ],
)
def test_other_neighbours_stay(layers):
    network = _with_statistics(nn.Sequential(*layers))
    fused = fuse(network)
    assert _norms(fused) == 1
    _same(network, fused, torch.rand(1, 2, 4, 4))


def test_norms_without_statistics_and_layers_with_hooks_stay():
    assert _norms(fuse(nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2, track_running_stats=False)))) == 1
    hooked = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))
    hooked[0].register_forward_hook(lambda module, inputs, output: output + 1)
    assert _norms(fuse(hooked)) == 1
    _same(hooked, fuse(hooked), torch.rand(1, 2, 4, 4))
    for place in (0, 1):
        patched = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)).eval()  # the copy calls this layer
        layer = patched[place]
        layer.forward = lambda x, layer=layer: type(layer).forward(layer, x) + 1
        assert _norms(fuse(patched)) == 1
        _same(patched, fuse(patched), torch.rand(1, 2, 4, 4))


def test_layers_that_stand_twice():
    conv, activation = nn.Conv2d(2, 2, 1), nn.ReLU()
    norms = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    network = _with_statistics(nn.Sequential(activation, conv, activation, norms[0], conv, norms[1]))
    fused = fuse(network)
    assert _norms(fused) == 1
    _same(network, fused, torch.randn(1, 2, 4, 4))
