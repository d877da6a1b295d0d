"""What detectors and backbones owe alike."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from yolo3.testing.asking import (
    other_devices,
    require,
    require_close,
    require_finite,
    require_gradients,
    step,
    tensors_in,
    unchanged,
)

ImageSize = tuple[int, int]
"""(height, width), pixels."""


def copy_of(network: nn.Module, name: str) -> Any:
    """A copy to try things on."""
    with step(f"{name} cannot be copied by copy.deepcopy, which EMA and export need"):
        return copy.deepcopy(network)


def images_of(channels: int, size: ImageSize, batch_size: int = 2) -> Tensor:
    """(B, channels, H, W) random images in [0, 1]."""
    return torch.rand(batch_size, channels, *size)


def check_network(
    network: nn.Module,
    name: str,
    channels: int,
    sizes: Sequence[ImageSize],
    stride: int,
    check_output: Callable[[Any, Tensor], None],
    fixed: bool = False,
) -> None:
    """Check what detectors and backbones owe alike.

    Args:
        network: Network to check. It is not changed.
        name: Its name in messages.
        channels: Channels of its images.
        sizes: Image sizes to try.
        stride: Pixels. Height and width of images are multiples of it.
        check_output: Check of the shapes of an output, called with it and the images.
        fixed: Whether it takes images of one size only.

    Raises:
        AssertionError: Something is missing.
    """
    _check_outputs(copy_of(network, name), name, channels, sizes, check_output)
    _check_gradients(copy_of(network, name), name, images_of(channels, sizes[0]))
    still = copy_of(network, name).eval()
    images = images_of(channels, sizes[0])
    with torch.no_grad():
        expected = still(images)
        with step(f"{name} does not take a batch of no images, in evaluation"):
            check_output(still(images[:0]), images[:0])
        require_close(
            still(images[:1]),
            [tensor[:1] for _, tensor in tensors_in(expected)],
            f"{name} sees an image otherwise in a batch than alone, in evaluation",
        )
        _check_half(copy_of(still, name), name, images, check_output)
        _check_devices(copy_of(still, name), name, images, expected)
        _check_state(still, name, images, expected)
    _check_export(still, name, images_of(channels, sizes[-1]), stride, fixed)


def _check_outputs(
    network: nn.Module,
    name: str,
    channels: int,
    sizes: Sequence[ImageSize],
    check_output: Callable[[Any, Tensor], None],
) -> None:
    for training in (True, False):
        network.train(training)
        mode = "training" if training else "evaluation"
        for size in sizes:
            images = images_of(channels, size)
            at = f"of {size[0]} x {size[1]} pixels in {mode}"
            with unchanged(name, images=images), step(f"{name} does not take images {at}"):
                output = network(images)
            require(bool(tensors_in(output)), f"{name} gives no tensor for images {at}")
            check_output(output, images)
            require_finite(output, f"{name} gives numbers that are not finite for images {at}")


def _check_gradients(network: nn.Module, name: str, images: Tensor) -> None:
    network.train()
    sum(tensor.square().sum() for _, tensor in tensors_in(network(images))).backward()  # type: ignore[union-attr]
    require_gradients(network, name)


def _check_half(network: nn.Module, name: str, images: Tensor, check_output: Callable[[Any, Tensor], None]) -> None:
    images = images.to(torch.bfloat16)
    with step(f"{name} does not run in bfloat16"):
        output = network.to(torch.bfloat16)(images)
    check_output(output, images)
    require_finite(output, f"{name} gives numbers that are not finite in bfloat16")


def _check_devices(network: nn.Module, name: str, images: Tensor, expected: Any) -> None:
    for device in other_devices():
        with step(f"{name} does not run on {device}; tensors that it makes belong on the device of its input"):
            found = network.to(device)(images.to(device))
        for _, tensor in tensors_in(found):
            require(tensor.device.type == device, f"{name} gives tensors on {tensor.device} for images on {device}")
        require_close(found, expected, f"{name} gives something else on {device} than on the CPU", 0.05)


def _check_state(network: nn.Module, name: str, images: Tensor, expected: Any) -> None:
    other = copy_of(network, name)
    for tensor in other.state_dict().values():
        tensor.zero_()
    with step(f"{name} does not load the state_dict of another one like it"):
        other.load_state_dict(network.state_dict())
    require_close(other(images), expected, f"{name} gives something else after its state_dict is saved and loaded")


def _check_export(network: nn.Module, name: str, images: Tensor, stride: int, fixed: bool) -> None:
    axes: dict[int, Any] = {0: Dim("batch")}
    if not fixed:
        axes |= {2: stride * Dim("rows", min=1), 3: stride * Dim("columns", min=1)}
    with torch.no_grad():
        with step(f"{name} cannot be traced by torch.export"):
            exported = torch.export.export(network, (images,), dynamic_shapes=(axes,)).module()
        found = exported(images[:1].repeat(3, 1, 1, 1))
        expected = network(images[:1].repeat(3, 1, 1, 1))
    require_close(found, expected, f"{name} gives something else after torch.export")
