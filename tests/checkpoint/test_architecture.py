"""A checkpoint is only built again from numbers if that gives the network that was saved."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from yolo3 import CNNBlock, ConvSet, Darknet, Darknet53, ResUnit, ScalePrediction, YOLOv1, YOLOv3
from yolo3.boxes import Anchors
from yolo3.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from yolo3.checkpoint.architecture import build, describe
from yolo3.models import NeckAndConcatNet
from yolo3.models.fusing import fuse
from yolo3.presets import yolov3_tiny

ANCHORS = Anchors((((90, 90),), ((40, 30),), ((10, 10),)))

CFG = """
[net]
width=32
height=32

[convolutional]
batch_normalize=1
filters=8
size=3
stride=8
pad=1
activation=leaky

[maxpool]
size=3
stride=1

[convolutional]
filters=7
activation=linear

[yolo]
mask=0
anchors=10,20
classes=2
num=1
"""


def _yolov3() -> YOLOv3:
    network = YOLOv3(2, width=0.1, conv_set_depth=3, anchors=ANCHORS)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # so that a change shows in the logits
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
            nn.init.uniform_(module.running_var, 0.1, 2)
    return network.eval()


class DoubleHead(ScalePrediction):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class DoubleNeck(NeckAndConcatNet):
    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        return super().forward(coarse, 2 * skip)


class DoubleSet(ConvSet):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class PlainUnit(ResUnit):
    def forward(self, x: Tensor) -> Tensor:
        return self.expand(self.squeeze(x))


def _replaced_head(network: YOLOv3) -> None:
    network.coarse_head = DoubleHead(52, 2, 1)


def _replaced_neck(network: YOLOv3) -> None:
    network.medium_neck = DoubleNeck(52, 48, 3)


def _replaced_set(network: YOLOv3) -> None:
    network.conv_set = DoubleSet(104, 52, 3)


def _replaced_unit(network: YOLOv3) -> None:
    network.backbone[3].units[5] = PlainUnit(24)


def _every_activation(network: YOLOv3) -> None:
    for module in list(network.modules()):
        if isinstance(module, CNNBlock):
            module.activation = nn.SiLU(inplace=True)


def _one_slope(network: YOLOv3) -> None:
    network.fine_head.expand.activation.negative_slope = 0.2


def _epsilon(network: YOLOv3) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-1


def _momentum(network: YOLOv3) -> None:
    network.backbone[0].norm.momentum = 0.03


def _stride(network: YOLOv3) -> None:
    network.backbone[1].downsample.conv.dilation = (2, 2)
    network.backbone[1].downsample.conv.padding = (2, 2)


def _upsampling(network: YOLOv3) -> None:
    network.fine_neck.upsample.mode = "bilinear"


def _hook(network: YOLOv3) -> None:
    network.conv_set.register_forward_hook(lambda module, inputs, output: 2 * output)


def _hook_before(network: YOLOv3) -> None:
    network.register_forward_pre_hook(lambda module, inputs: (inputs[0].flip(-1),))


def _forward_of_its_own(network: YOLOv3) -> None:
    forward = network.fine_head.forward
    network.fine_head.forward = lambda x: forward(x) + 1


def _decode_of_its_own(network: YOLOv3) -> None:
    network.decode = lambda predictions: None


def _a_child_more(network: YOLOv3) -> None:
    network.backbone[2].units.insert(1, nn.Dropout2d())


CHANGES: list[tuple[Callable[[Any], None], str]] = [
    (_replaced_head, "coarse_head is a DoubleHead, not a ScalePrediction"),
    (_replaced_neck, "medium_neck is a DoubleNeck, not a NeckAndConcatNet"),
    (_replaced_set, "conv_set is a DoubleSet, not a ConvSet"),
    (_replaced_unit, r"backbone\.3\.units\.5 is a PlainUnit, not a ResUnit"),
    (_every_activation, r"backbone\.0\.activation is a SiLU, not a LeakyReLU"),
    (_one_slope, r"fine_head\.expand\.activation\.negative_slope is 0\.2, not 0\.1"),
    (_epsilon, r"backbone\.0\.norm\.eps is 0\.1, not 1e-05"),
    (_momentum, r"backbone\.0\.norm\.momentum is 0\.03, not 0\.1"),
    (_stride, r"backbone\.1\.downsample\.conv\.padding is \(2, 2\), not \(1, 1\)"),
    (_upsampling, r"fine_neck\.upsample\.mode is 'bilinear', not 'nearest'"),
    (_hook, "conv_set has a forward hook"),
    (_hook_before, "the YOLOv3 has a forward hook"),
    (_forward_of_its_own, "fine_head has a `forward` of its own"),
    (_decode_of_its_own, "the YOLOv3 has a `decode` of its own"),
    (_a_child_more, r"backbone\.2\.units consists of 0, 1, 2, not of 0, 1"),
]


@pytest.mark.parametrize(("change", "told"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
def test_a_changed_part_is_not_saved_as_the_stock_one(change: Callable[[Any], None], told: str, tmp_path: Path) -> None:
    network = _yolov3()
    change(network)
    save_checkpoint(tmp_path, network, ModelCard())
    with pytest.raises(
        ValueError, match=rf"YOLOv3 with parts of its own \({told}\).*hand it in as `detector`"
    ) as told_:
        load_checkpoint(tmp_path)
    assert "\n" not in str(told_.value)
    mine = _yolov3()
    change(mine)
    again = load_checkpoint(tmp_path, mine)[0]
    images = torch.rand(1, 3, 64, 64)
    for one, other in zip(network.eval()(images), again.eval()(images), strict=True):  # type: ignore[attr-defined]
        assert torch.equal(one, other)


def test_the_same_tensors_would_have_given_other_logits() -> None:
    """What loading as the stock network would have made of it, without a word."""
    network, stock = _yolov3(), _yolov3()
    _replaced_head(network)
    stock.load_state_dict(network.state_dict())
    images = torch.rand(1, 3, 64, 64)
    assert not torch.allclose(network.eval()(images)[0], stock.eval()(images)[0], atol=1)


def _leaky_for_mish(network: Darknet) -> None:
    network.layers[0].activation = nn.Mish()


def _no_padding(network: Darknet) -> None:
    network.layers[1][0].padding = 0


def _other_anchors(network: Darknet) -> None:
    network.anchors = Anchors((((30, 30),),), (8,))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_leaky_for_mish, r"layers\.0\.activation is a Mish, not a LeakyReLU"),
        (_no_padding, r"layers\.1\.0\.padding is 0, not 1"),
        (_other_anchors, r"anchors is Anchors\(sizes=\(\(\(30\.0, 30\.0\),\),\).*, not Anchors\(sizes=\(\(\(10\.0, 20"),
    ],
)
def test_a_changed_network_of_a_cfg(change: Callable[[Darknet], None], told: str) -> None:
    network = Darknet(CFG)
    assert describe(network)["network"] == "Darknet"
    change(network)
    described = describe(network)
    assert described["network"] == "custom"
    with pytest.raises(ValueError, match=told):
        build(described, network.anchors)


def test_a_changed_yolov1() -> None:
    network = YOLOv1(2, grid=2, hidden=16, width=0.05)
    assert describe(network)["network"] == "YOLOv1"
    network.head[2].negative_slope = 0.0
    assert describe(network)["because"] == "head.2.negative_slope is 0.0, not 0.1"
    assert describe(YOLOv1(2, grid=2, hidden=16, width=0.05, block=_RectifiedBlock))["network"] == "custom"


class _RectifiedBlock(CNNBlock):
    pass


def test_a_subclass_is_not_its_parent() -> None:
    class Mine(YOLOv3):
        pass

    described = describe(Mine(2, width=0.1))
    assert (described["network"], described["because"]) == ("custom", "")
    with pytest.raises(ValueError, match=r"Mine with parts of its own, which cannot be built"):
        build(described, None)


def test_numbers_changed_after_the_network_was_built() -> None:
    network = _yolov3()
    network.num_classes = 3
    assert describe(network)["because"].startswith("coarse_head.predict.out_channels is 7, not 8")
    network.width = -1.0
    assert describe(network)["because"].startswith("width is -1")


def test_what_is_stock_whatever_has_been_done_with_it(tmp_path: Path) -> None:
    """Training, notes on the object, a device type, layouts and hooks taken away again change no function."""
    network = _yolov3()
    network.train().requires_grad_(False).to(memory_format=torch.channels_last).half()
    network.names = ["cat", "dog"]
    network.backbone[0].activation.inplace = False
    network.register_forward_hook(lambda *_: None).remove()
    network.register_full_backward_hook(lambda *_: None)
    network.backbone[4].units[1] = network.backbone[4].units[0]  # two names for one module
    assert describe(network)["network"] == "YOLOv3"
    assert describe(copy.deepcopy(network))["network"] == "YOLOv3"
    assert describe(nn.SyncBatchNorm.convert_sync_batchnorm(_yolov3()))["network"] == "YOLOv3"
    assert describe(yolov3_tiny(2))["network"] == "Darknet"
    assert describe(YOLOv3(2, backbone=Darknet53()))["network"] == "YOLOv3"
    described = describe(YOLOv3(np.int64(2), width=np.float64(0.1)))  # type: ignore[arg-type]
    assert described["network"] == "YOLOv3"
    assert {type(value) for value in described.values()} == {str, int, float}


def test_a_fused_network_says_that_it_is_fused(tmp_path: Path) -> None:
    fused = fuse(_yolov3())
    save_checkpoint(tmp_path, fused, ModelCard())
    with pytest.raises(ValueError, match=r"\(backbone\.0\.conv\.bias is of shape \(8,\), not None\)"):
        load_checkpoint(tmp_path)
    load_checkpoint(tmp_path, fuse(_yolov3()))


def test_a_compiled_network_is_saved_as_what_it_was_compiled_from(tmp_path: Path) -> None:
    network = _yolov3()
    save_checkpoint(tmp_path, torch.compile(network, backend="eager"), ModelCard())
    loaded, _ = load_checkpoint(tmp_path)
    assert isinstance(loaded, YOLOv3)
    assert torch.equal(loaded.fine_head.predict.bias, network.fine_head.predict.bias)
    into = torch.compile(_yolov3(), backend="eager")
    assert load_checkpoint(tmp_path, into)[0] is into
    assert torch.equal(into.fine_head.predict.bias, network.fine_head.predict.bias)
    network.compile(backend="eager")
    assert describe(network)["network"] == "YOLOv3"


def test_describing_leaves_torchs_generator_alone() -> None:
    network = _yolov3()
    before = torch.get_rng_state()
    describe(network)
    assert torch.equal(torch.get_rng_state(), before)
