"""What a backbone owes."""

from typing import Any

from torch import Tensor, nn

from yolo3.parts import channels_of_maps
from yolo3.protocols import in_channels_of
from yolo3.testing.asking import repeatable, require, step
from yolo3.testing.network import check_network


def check_backbone(backbone: nn.Module, strides: tuple[int, ...] = (32, 16, 8)) -> None:
    """Check that a network is a backbone that `YOLOv3` can take.

    Checked are: ``out_channels``; the maps at two image sizes, in training and evaluation; a gradient on every
    parameter; a batch of no images; an image that does not depend on the others of its batch; bfloat16; the
    accelerator, where the machine has one; images that stay as they are; a ``state_dict`` that is saved and loaded;
    ``torch.export``.

    Args:
        backbone: Backbone to check. It is not changed.
        strides: Strides of the scales that need a map each, coarse to fine, as `Anchors` has them.

    Raises:
        AssertionError: Something is missing; the message says what.
    """
    name = type(backbone).__name__
    require(isinstance(backbone, nn.Module), f"{name} is no nn.Module")
    with step(f"{name} does not say its maps"):
        channels_of_maps(backbone, strides)
    out_channels: Any = backbone.out_channels

    def check_maps(maps: Any, images: Tensor) -> None:
        is_sequence = isinstance(maps, tuple | list) and all(isinstance(each, Tensor) for each in maps)
        require(is_sequence, f"{name} gives a {type(maps).__name__}; it must be a tuple of maps, fine to coarse")
        height, width = images.shape[2:]
        expected = [
            (len(images), channels, height // stride, width // stride)
            for channels, stride in zip(out_channels, reversed(strides), strict=True)
        ]
        found = [tuple(each.shape) for each in maps]
        require(found == expected, f"{name} gives maps of {found}; out_channels and strides ask for {expected}")

    stride = max(strides)
    sizes = [(2 * stride, 2 * stride), (2 * stride, 3 * stride)]
    with repeatable():
        check_network(backbone, name, in_channels_of(backbone), sizes, stride, check_maps)
