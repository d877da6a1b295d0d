"""Darknet weights files: a short header, then the weights of every layer in turn.

The order of columns is converted here and nowhere else: in the file the channels of a layer that predicts are [x, y, w,
h, objectness, classes] for each anchor, in the library [objectness, x, y, w, h, classes] (see `PredictionChannels`).
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from yolo3.checks.finite import unusable_numbers
from yolo3.choices import ChannelRule
from yolo3.darknet.cfg import DarknetError
from yolo3.darknet.classifier import DarknetBackbone
from yolo3.darknet.weights_channels import input_kernel, of_rgb, other_channels, with_kernel
from yolo3.darknet.weights_header import WeightsHeader, header_of, keep_header, read_header
from yolo3.darknet.weights_layout import LayerTensors, count_layers_with_weights, layers_in_file_order
from yolo3.models import YOLOv3, adapted_kernel
from yolo3.system.files import whole_file

_Value = tuple[LayerTensors, Tensor, Tensor]
"""A layer, one of its tensors, and the values of that tensor in the order of the file."""


@dataclass(frozen=True)
class LoadedWeights:
    """Summary of a loaded weights file."""

    layers: int
    """Number of layers that were filled."""
    layers_in_network: int
    """Number of layers with weights, including those that no Darknet file has a place for."""
    floats: int
    """Number of values read."""
    header: WeightsHeader

    @property
    def partial(self) -> bool:
        """Whether some layers of the network were left unchanged."""
        return self.layers < self.layers_in_network

    @property
    def seen(self) -> int:
        """Number of training images that the network had seen; every pass over an image counts."""
        return self.header.seen

    def __str__(self) -> str:
        part = "partial: " if self.partial else ""
        count = f"{self.layers} of {self.layers_in_network} layers"
        return f"{part}{count}, {self.floats:,} floats, trained on {self.seen:,} images"


def load_darknet_weights(
    network: nn.Module,
    path: str | os.PathLike[str],
    *,
    layers: int | None = None,
    adapt_channels: ChannelRule | None = None,
) -> LoadedWeights:
    """Fill a network from a Darknet weights file.

    A file that ends where a layer ends is a partial one, such as ``darknet53.conv.74``: it fills the first layers. A
    file that does not fit changes nothing. The network keeps the header in `weights_header`, for
    `save_darknet_weights`.

    Args:
        network: A `Darknet`, `DarknetClassifier` or `DarknetBackbone`, a `YOLOv3`, or a `Darknet53`. In a `YOLOv3` with
            ConvSets other than five deep, or of other than three scales, only the backbone is filled. For a
            `DarknetBackbone` the file may be that of the whole cfg.
        path: Path of the file; it is memory-mapped.
        layers: Read only the layers below this number, counted as in the cfg (for the hand-written networks, that of
            YOLOv3: 74 is Darknet-53). Default: all.
        adapt_channels: How weights for RGB become those of a network for images of another number of channels, see
            `yolo3.adapt_channels`. None refuses them.

    Returns:
        A summary of what was read.

    Raises:
        DarknetError: A file that is missing, not a weights file, or for another network; numbers that are not finite,
            or a negative variance; a network that is not Darknet's, or for images of other channels.
    """
    path = Path(path)
    all_layers = layers_in_file_order(network)
    header, found = read_header(path)
    if not _holds_batchnorm_biases(all_layers, header, found):
        all_layers = layers_in_file_order(network, batchnorm_biases=False)
    chosen = _below(all_layers, layers)
    allow_surplus = layers is not None or isinstance(network, DarknetBackbone)
    kernel = input_kernel(chosen)
    stored = kernel if adapt_channels is None or kernel is None else of_rgb(kernel)
    try:
        filled = _layers_to_fill(path, with_kernel(chosen, stored), found, allow_surplus)
        values = _values(path, header, filled)
        _check_numbers(path, values)
        if allow_surplus and stored is kernel:  # what follows tells whether the first layer has the size it should
            _check_numbers(path, _values(path, header, _before_heads(all_layers, found)))
    except DarknetError as error:
        if kernel is not None and stored is not None and (said := other_channels(chosen, stored, kernel, found)):
            raise DarknetError(f"{path} {said}") from error
        raise
    _check_decoding(network, filled)
    with torch.no_grad():
        for layer, tensor, numbers in values:
            if layer.prediction is not None:
                numbers = numbers[layer.prediction.positions_in_file()]
            if tensor is stored and kernel is not None and adapt_channels is not None:
                kernel.copy_(adapted_kernel(numbers, kernel.shape[1], adapt_channels))
            else:
                tensor.copy_(numbers)
        for layer in filled:
            if layer.absent is not None:
                layer.absent.zero_()
    keep_header(network, header)
    return LoadedWeights(len(filled), count_layers_with_weights(network), sum(layer.floats for layer in filled), header)


def save_darknet_weights(
    network: nn.Module,
    path: str | os.PathLike[str],
    *,
    layers: int | None = None,
    header: WeightsHeader | None = None,
) -> None:
    """Write a network to a Darknet weights file, replacing an existing one.

    If saving is interrupted, even by ``kill -9`` or a power failure, the old file remains.

    Args:
        network: A network as for `load_darknet_weights`; from a `YOLOv3` with ConvSets other than five deep, or of
            other than three scales, only the backbone is written.
        path: Path of the file.
        layers: Write only the layers below this number, see `load_darknet_weights`. Default: all.
        header: Header to write. Default: that of the file the network was loaded from, if any.

    Raises:
        DarknetError: A network that is not Darknet's, or one with weights that are not finite.
    """
    path = Path(path)
    header = header or header_of(network) or WeightsHeader()
    chosen = _below(layers_in_file_order(network, header.has_batchnorm_biases), layers)
    _check_decoding(network, chosen)
    _check_absent(path, chosen)
    _check_numbers(path, ((layer, tensor, tensor) for layer in chosen for tensor in layer.tensors))
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as partial, partial.open("wb") as file:
        file.write(header.pack())
        for layer in chosen:
            for tensor in layer.tensors:
                values = tensor.detach().to("cpu", torch.float32)
                if layer.prediction is not None:
                    values = values[layer.prediction.positions_in_file().argsort()]
                file.write(values.contiguous().numpy().astype("<f4", copy=False).data)


def _values(path: Path, header: WeightsHeader, layers: Sequence[LayerTensors]) -> list[_Value]:
    """Every tensor of the first layers of a file, with its values in the file."""
    count = sum(layer.floats for layer in layers)
    # copy-on-write: PyTorch asks for writable memory, and the file must not change
    floats = torch.from_numpy(np.memmap(path, dtype="<f4", mode="c", offset=header.size, shape=(count,)))
    tensors = [(layer, tensor) for layer in layers for tensor in layer.tensors]
    parts = floats.split([tensor.numel() for _, tensor in tensors])
    return [(layer, tensor, part.view(tensor.shape)) for (layer, tensor), part in zip(tensors, parts, strict=True)]


def _check_numbers(path: Path, values: Iterable[_Value]) -> None:
    """Raise the error for values that no network can compute with."""
    named = (
        (f"layer {layer.number}{' running_var' if tensor is layer.variance else ''}", numbers)
        for layer, tensor, numbers in values
    )
    if unusable := unusable_numbers(named):
        raise DarknetError(f"{path}: {unusable}; the file is damaged or for another cfg, or its training diverged")


def _holds_batchnorm_biases(layers: Sequence[LayerTensors], header: WeightsHeader, found: int) -> bool:
    """Whether a file with ``found`` floats holds the biases of ``[batchnorm]`` layers, as its size or version tells."""
    return header.has_batchnorm_biases or found == sum(layer.floats for layer in layers)


def _check_absent(path: Path, layers: Iterable[LayerTensors]) -> None:
    """Raise the error for parameters that the file format has no place for, and that are not 0."""
    for layer in layers:
        if layer.absent is not None and layer.absent.any():
            raise DarknetError(
                f"{path}: files of version 0.2.0 have no place for the biases of the [batchnorm] at layer "
                f"{layer.number}; save with header=WeightsHeader()"
            )


def _check_decoding(network: nn.Module, layers: Iterable[LayerTensors]) -> None:
    """Raise the error for a hand-written network that reads the predictions of YOLOv3's weights in another way."""
    if isinstance(network, YOLOv3) and network.anchors.size_decoding != "exp":
        if any(layer.prediction is not None for layer in layers):
            raise DarknetError(
                f"this YOLOv3 decodes sizes by {network.anchors.size_decoding!r}, the weights of Darknet's YOLOv3 are "
                'for "exp": build it with such anchors, or exchange only the backbone with layers=74'
            )


def _below(layers: Sequence[LayerTensors], number: int | None) -> list[LayerTensors]:
    chosen = [layer for layer in layers if number is None or layer.number < number]
    if not chosen:
        raise DarknetError(f"layers={number} selects nothing; the first layer with weights is {layers[0].number}")
    return chosen


def _before_heads(layers: Sequence[LayerTensors], found: int) -> list[LayerTensors]:
    """The first layers that a file with ``found`` floats holds, up to the first that depends on the classes."""
    chosen: list[LayerTensors] = []
    for layer in layers:
        found -= layer.floats
        if layer.prediction is not None or found < 0:
            break
        chosen.append(layer)
    return chosen


def _layers_to_fill(path: Path, layers: Sequence[LayerTensors], found: int, allow_surplus: bool) -> list[LayerTensors]:
    """The layers that a file with ``found`` floats fills; it must end where one of them does."""
    expected = sum(layer.floats for layer in layers)
    filled = []
    floats = 0
    for layer in layers:
        if floats + layer.floats > found:
            break
        filled.append(layer)
        floats += layer.floats
    complete = len(filled) == len(layers)
    if filled and (floats == found or (complete and allow_surplus)):
        return filled
    problem = f"{len(filled)} layers and {found - floats:,} more floats" if filled else "less than one layer"
    raise DarknetError(
        f"{path}: expected {expected:,} floats in {len(layers)} layers with weights, found {found:,}: {problem}; "
        f"it was truncated or belongs to another cfg{_advice(layers, found)}"
    )


def _advice(layers: Sequence[LayerTensors], found: int) -> str:
    """How to read a file for another number of classes: everything before the first layer that depends on it."""
    head = next((place for place, layer in enumerate(layers) if layer.prediction is not None), len(layers))
    before = sum(layer.floats for layer in layers[:head])
    if head == len(layers) or not 0 < before <= found:
        return ""
    number = layers[head].number
    return (
        f"; if it has another number of classes, load only the layers before the first head: layers={number}, "
        f"in yolo3 train --weights-layers {number}"
    )
