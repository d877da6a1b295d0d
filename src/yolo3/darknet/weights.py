"""Darknet weights files: a short header, then every number of every layer in turn.

This is the door: in the file the channels of a layer that predicts are [x, y, w, h, objectness, classes] an anchor, in
the library [objectness, x, y, w, h, classes].
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from yolo3.checks.finite import unusable_numbers
from yolo3.darknet.cfg import DarknetError
from yolo3.darknet.header import WeightsHeader, header_of, keep_header, read_header
from yolo3.darknet.stored import StoredLayer, layers_with_weights, stored_layers
from yolo3.system.files import whole_file

_FIRST_COLUMNS = [4, 0, 1, 2, 3]  # where the library's first five columns stand in the file
_Value = tuple[StoredLayer, Tensor, Tensor]
"""A layer, one of its tensors, and its values in the order of the file."""


@dataclass(frozen=True)
class LoadedWeights:
    """What was read from a weights file."""

    layers: int
    """Layers with weights that were filled."""
    layers_in_network: int
    """Layers with weights that there are, those included that no Darknet file has a place for."""
    floats: int
    """Numbers read."""
    header: WeightsHeader

    @property
    def partial(self) -> bool:
        """Whether some layers of the network were left as they are."""
        return self.layers < self.layers_in_network

    @property
    def seen(self) -> int:
        """Pictures the weights were trained on, counting every time."""
        return self.header.seen

    def __str__(self) -> str:
        part = "partial: " if self.partial else ""
        count = f"{self.layers} of {self.layers_in_network} layers"
        return f"{part}{count}, {self.floats:,} floats, trained on {self.seen:,} pictures"


def load_darknet_weights(
    network: nn.Module, path: str | os.PathLike[str], *, layers: int | None = None
) -> LoadedWeights:
    """Fill a network from a Darknet weights file.

    A file that ends where a layer ends is a partial one, as ``darknet53.conv.74``: it fills the first layers. Nothing
    is filled unless the file fits. The network keeps the header in `weights_header`, for `save_darknet_weights`.

    Args:
        network: a `Darknet`, a `YOLOv3`, or a `Darknet53`. Of a `YOLOv3` with ConvSets other than five deep only the
            backbone is filled.
        path: of the file; it is mapped, not read into memory.
        layers: read only the layers below this number, counted as in the cfg (of YOLOv3 for the hand-written networks:
            74 is Darknet-53); None reads all.

    Returns:
        What was read.

    Raises:
        DarknetError: A file that is missing, no weights file, or of another network; numbers that are not finite, or a
            negative variance; a network that is not Darknet's.
    """
    path = Path(path)
    chosen = _below(stored_layers(network), layers)
    header, found = read_header(path)
    filled = _filled(path, chosen, found, surplus_is_fine=layers is not None)
    values = _values(path, header, filled)
    _check_numbers(path, values)
    with torch.no_grad():
        for layer, tensor, numbers in values:
            tensor.copy_(numbers[_columns_in_file(layer, tensor)] if layer.num_anchors else numbers)
    keep_header(network, header)
    return LoadedWeights(len(filled), layers_with_weights(network), sum(layer.floats for layer in filled), header)


def save_darknet_weights(
    network: nn.Module,
    path: str | os.PathLike[str],
    *,
    layers: int | None = None,
    header: WeightsHeader | None = None,
) -> None:
    """Write a network as a Darknet weights file, in place of the one that was there.

    An interrupted save, even by ``kill -9`` or a power failure, leaves the old file.

    Args:
        network: as for `load_darknet_weights`; of a `YOLOv3` with ConvSets other than five deep only the backbone.
        path: of the file.
        layers: write only the layers below this number; see `load_darknet_weights`.
        header: None is that of the file the network was loaded from, if any.

    Raises:
        DarknetError: A network that is not Darknet's, or one with weights that are not finite.
    """
    path = Path(path)
    chosen = _below(stored_layers(network), layers)
    header = header or header_of(network) or WeightsHeader()
    _check_numbers(path, ((layer, tensor, tensor) for layer in chosen for tensor in layer.tensors))
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as partial, partial.open("wb") as file:
        file.write(header.pack())
        for layer in chosen:
            for tensor in layer.tensors:
                values = tensor.detach().to("cpu", torch.float32)
                if layer.num_anchors:
                    values = values[_columns_in_file(layer, tensor).argsort()]
                file.write(values.contiguous().numpy().astype("<f4", copy=False).data)


def _values(
    path: Path, header: WeightsHeader, layers: Sequence[StoredLayer]
) -> list[tuple[StoredLayer, Tensor, Tensor]]:
    """Every tensor of some layers, the first of the file, with what the file holds for it."""
    count = sum(layer.floats for layer in layers)
    # copy-on-write: PyTorch wants memory that it might write to, the file stays as it is
    floats = torch.from_numpy(np.memmap(path, dtype="<f4", mode="c", offset=header.size, shape=(count,)))
    tensors = [(layer, tensor) for layer in layers for tensor in layer.tensors]
    parts = floats.split([tensor.numel() for _, tensor in tensors])
    return [(layer, tensor, part.view(tensor.shape)) for (layer, tensor), part in zip(tensors, parts, strict=True)]


def _check_numbers(path: Path, values: Iterable[_Value]) -> None:
    """Raise the error of values for the tensors of layers that no network can compute with."""
    named = (
        (f"layer {layer.number}{' running_var' if tensor is layer.variance else ''}", numbers)
        for layer, tensor, numbers in values
    )
    if unusable := unusable_numbers(named):
        raise DarknetError(f"{path}: {unusable}; it was damaged, belongs to another cfg, or its training diverged")


def _columns_in_file(layer: StoredLayer, tensor: Tensor) -> Tensor:
    """(out_channels,) where each channel of a layer that predicts stands in the file."""
    channels = torch.arange(tensor.shape[0]).view(layer.num_anchors, -1)  # (A, 5 + C)
    return torch.cat([channels[:, _FIRST_COLUMNS], channels[:, 5:]], dim=1).flatten()


def _below(layers: Sequence[StoredLayer], number: int | None) -> list[StoredLayer]:
    chosen = [layer for layer in layers if number is None or layer.number < number]
    if not chosen:
        raise DarknetError(f"layers={number} leaves nothing; the first layer with weights is {layers[0].number}")
    return chosen


def _filled(path: Path, layers: Sequence[StoredLayer], found: int, surplus_is_fine: bool) -> list[StoredLayer]:
    """The layers that a file of so many floats fills; it must end where one of them does."""
    expected = sum(layer.floats for layer in layers)
    filled, floats = [], 0
    for layer in layers:
        if floats + layer.floats > found:
            break
        filled.append(layer)
        floats += layer.floats
    complete = len(filled) == len(layers)
    if filled and (floats == found or (complete and surplus_is_fine)):
        return filled
    problem = f"{len(filled)} layers and {found - floats:,} floats more" if filled else "not one whole layer"
    raise DarknetError(
        f"{path}: expected {expected:,} floats in {len(layers)} layers with weights, found {found:,}: {problem}; "
        f"it was cut or belongs to another cfg{_advice(layers, found)}"
    )


def _advice(layers: Sequence[StoredLayer], found: int) -> str:
    """How to read a file of another number of classes: all that comes before the first layer that depends on it."""
    head = next((place for place, layer in enumerate(layers) if layer.num_anchors), len(layers))
    before = sum(layer.floats for layer in layers[:head])
    if head == len(layers) or not 0 < before <= found:
        return ""
    number = layers[head].number
    return (
        f"; if it has another number of classes, take what comes before the first head: layers={number}, "
        f"in yolo3 train --weights-layers {number}"
    )
