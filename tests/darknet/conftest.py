"""A small network with everything that a cfg of the YOLOv3 family may have."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from yolo3.darknet import Darknet, WeightsHeader, load_darknet_weights, save_darknet_weights
from yolo3.darknet.weights_layout import layers_in_file_order

SMALL = """\
[net]
width=64
height=32
channels=3
batch=4              # Darknet's trainer
learning_rate=0.001

[convolutional]      ; 0
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[convolutional]      # 1, depthwise
groups=8
filters=8
size=3
pad=1
activation=mish

[shortcut]           # 2
from=-2
activation=linear

[conv]               # 3, mixed
batch_normalize=1
filters=8
size=3,5
stride=2
pad=1
activation=swish

[shortcut]           # 4, learned
from=-1
weights_type=per_feature

[avgpool]            # 5

[convolutional]      # 6
filters=8
activation=logistic

[scale_channels]     # 7
from=4

[route]              # 8
layers=7
groups=2
group_id=1

[maxpool]            # 9
size=3
stride=1

[route]              # 10
layers=-1,-2

[maxpool]            # 11
size=2
stride=2

[dropout]            # 12
probability=.1

[convolutional]      # 13
filters=14
activation=linear

[yolo]               # 14, stride 8
mask=2,3
anchors=4,5, 8,6, 20,14, 30,40
num=4
classes=2
scale_x_y=1.1
ignore_thresh=.7

[route]              # 15
layers=-4

[upsample]           # 16
stride=2

[route]              # 17
layers=-1,7

[convolutional]      # 18
size=1
filters=14
activation=linear

[yolo]               # 19, stride 4
mask=0,1
anchors=4,5, 8,6, 20,14, 30,40
num=4
classes=2
"""

GRID = """\
[net]
width=12
height=8

[crop]
crop_width=8
crop_height=8

[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=relu

[local]
filters=3
size=3
pad=1
activation=leaky

[dropout]
probability=.5

[connected]
output=52
activation=linear

[detection]
side=2
num=2
classes=3
coords=4
sqrt=1
"""


@pytest.fixture
def small_cfg() -> str:
    return SMALL


@pytest.fixture
def grid_cfg() -> str:
    """YOLOv1 in miniature."""
    return GRID


def wave(count: int, start: int = 0) -> Tensor:
    """Values with which the original programs were run: small, of both signs, and the same everywhere."""
    return (0.02 + 0.4 * torch.sin(1.7 * torch.arange(start, start + count, dtype=torch.float64))).float()


@pytest.fixture
def filled(tmp_path: Path) -> Callable[..., Darknet]:
    """A network from the text of a cfg, filled from the weights file that the original programs read too."""

    def build(cfg: str, **options: Any) -> Darknet:
        source = Darknet(cfg, **options)
        start = 0
        with torch.no_grad():
            for layer in layers_in_file_order(source):
                for tensor in layer.tensors:
                    values = wave(tensor.numel(), start).view(tensor.shape)
                    tensor.copy_(values.abs() + 0.5 if tensor is layer.variance else values)
                    start += tensor.numel()
        save_darknet_weights(source, tmp_path / "net.weights", header=WeightsHeader((0, 2, 5)))
        (tmp_path / "net.cfg").write_text(cfg)
        network = Darknet(cfg, **options).eval()
        load_darknet_weights(network, tmp_path / "net.weights")
        return network

    return build


@pytest.fixture
def wave_image() -> Callable[[Darknet], Tensor]:
    """The image that the original programs were given."""

    def image(network: Darknet) -> Tensor:
        shape = (1, network.in_channels, *network.image_size)
        numbers = torch.arange(math.prod(shape), dtype=torch.float64)
        return (0.5 + 0.5 * torch.sin(0.37 * numbers)).float().view(shape)

    return image
