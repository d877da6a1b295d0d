"""The channels of the images that a Darknet weights file was trained with, which the file itself does not tell."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from yolo3.darknet.weights_layout import LayerTensors

_RGB = 3
_MOST = 16  # channels that a file is tried for


def input_kernel(layers: Sequence[LayerTensors]) -> Tensor | None:
    """The kernel (out, channels, height, width) of the convolution that reads the images; None if there is none."""
    return next((tensor for tensor in layers[0].tensors if tensor.ndim == 4), None)


def of_rgb(kernel: Tensor) -> Tensor:
    """An empty kernel of the same size for images of three channels."""
    return kernel.new_empty(kernel.shape[0], _RGB, *kernel.shape[2:])


def with_kernel(layers: Sequence[LayerTensors], kernel: Tensor | None) -> list[LayerTensors]:
    """Layers whose first one has another kernel; None changes nothing."""
    if kernel is None:
        return list(layers)
    first, *rest = layers
    tensors = tuple(kernel if tensor.ndim == 4 else tensor for tensor in first.tensors)
    return [replace(first, tensors=tensors), *rest]


def other_channels(layers: Sequence[LayerTensors], stored: Tensor, kernel: Tensor, found: int) -> str:
    """What is wrong with a file that does not fit, if it is the number of channels; empty if it is something else.

    A file that ends where a layer of the network for other images would end is for those images. One that is longer is
    taken to be for RGB, where the network is not.

    Args:
        layers: Layers of the network that are read.
        stored: Kernel of the first convolution as the file was read.
        kernel: Kernel of the first convolution of the network.
        found: Number of values in the file.
    """
    per_channel = stored[:, 0].numel()
    num_channels = kernel.shape[1]
    floats = sum(layer.floats for layer in layers) - kernel.numel()  # of all but that kernel
    ends = [floats]
    for layer in reversed(layers[1:]):
        ends.append(ends[-1] - layer.floats)
    fitting = {
        (found - end) // per_channel
        for end in ends
        if (found - end) % per_channel == 0 and 1 <= (found - end) // per_channel <= _MOST
    }
    if not fitting and found > floats and num_channels != _RGB and stored is kernel:
        fitting = {_RGB}
    fitting.discard(stored.shape[1])
    if not fitting:
        return ""
    of = _RGB if _RGB in fitting else min(fitting)
    said = f"is for images of {of} channel{'s' if of > 1 else ''}, and the network takes {num_channels}"
    if of == num_channels:
        return f"{said} too; leave out adapt_channels (--adapt-channels)"
    if of == _RGB:
        return f"{said}; adapt_channels='sum' or 'mean' (--adapt-channels) makes them fit"
    return f"{said}; only weights for RGB are adapted"
