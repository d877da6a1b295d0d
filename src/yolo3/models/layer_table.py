"""Convolutions and poolings as a plain list, in the manner of the table in the paper on YOLO."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

from torch import nn

from yolo3.blocks import BlockFactory
from yolo3.models.darknet53 import scaled_channels

Convolution: TypeAlias = tuple[int, int, int, int]
"""Kernel size, channels at width 1, stride, padding."""

LayerTable: TypeAlias = Sequence[Convolution | Literal["M"] | Sequence[Any]]
"""Convolutions, ``"M"`` for a 2×2 max-pooling, and lists ``[convolution, …, n]``: the convolutions n times over."""

YOLOV1_LAYERS: LayerTable = (
    *((7, 64, 2, 3), "M"),
    *((3, 192, 1, 1), "M"),
    *((1, 128, 1, 0), (3, 256, 1, 1), (1, 256, 1, 0), (3, 512, 1, 1), "M"),
    *(((1, 256, 1, 0), (3, 512, 1, 1), 4), (1, 512, 1, 0), (3, 1024, 1, 1), "M"),
    *(((1, 512, 1, 0), (3, 1024, 1, 1), 2), (3, 1024, 1, 1), (3, 1024, 2, 1)),
    *((3, 1024, 1, 1), (3, 1024, 1, 1)),
)
"""The 24 convolutions of YOLOv1. Source: arXiv 1506.02640 figure 3."""

FAST_YOLO_LAYERS: LayerTable = (
    *((3, 16, 1, 1), "M"),
    *((3, 32, 1, 1), "M"),
    *((3, 64, 1, 1), "M"),
    *((3, 128, 1, 1), "M"),
    *((3, 256, 1, 1), "M"),
    *((3, 512, 1, 1), "M"),
    *((3, 1024, 1, 1), (3, 256, 1, 1)),
)
"""The eight convolutions of Fast YOLO. Source: arXiv 1506.02640 §2.1; Darknet's ``yolov1-tiny.cfg``."""

_MOST = 999  # layers; each is built one by one, even where they take no memory


def as_tuples(table: LayerTable) -> tuple[Any, ...]:
    """A table of tuples alone, which compares equal however it was written.

    Raises:
        ValueError: A row that is no convolution, pooling or repetition, or too many layers.
    """
    rows = tuple(_row(number, row) for number, row in enumerate(table))
    layers = sum(_num_layers(row) for row in rows)
    if not 1 <= layers <= _MOST:
        raise ValueError(f"a table of {layers:,} layers; it has 1 to {_MOST}")
    return rows


def build_layers(
    rows: tuple[Any, ...], in_channels: int, width: float, block: BlockFactory
) -> tuple[nn.Sequential, int]:
    """The layers of a table one after another, and the channels of the last.

    Args:
        rows: Rows as `as_tuples` gives them.
        in_channels: Channels of the input.
        width: Factor of every number of channels.
        block: Factory of a convolution. It is told the padding only where it is not half the kernel size.
    """
    layers: list[nn.Module] = []
    channels = in_channels
    for layer in _flat(rows):
        if layer == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            kernel, full, stride, padding = layer
            other_padding = {} if padding == kernel // 2 else {"padding": padding}
            layers.append(block(channels, scaled_channels(full, width), kernel, stride=stride, **other_padding))
            channels = scaled_channels(full, width)
    return nn.Sequential(*layers), channels


def map_size(rows: tuple[Any, ...], size: int) -> int:
    """The height that the layers leave of an image, pixels; 0 where nothing is left."""
    for layer in _flat(rows):
        kernel, _, stride, padding = (2, 0, 2, 0) if layer == "M" else layer
        size = (size + 2 * padding - kernel) // stride + 1
        if size < 1:
            return 0
    return size


def _flat(rows: tuple[Any, ...]) -> Iterator[Any]:
    for row in rows:
        if _repeats(row):
            yield from row[:-1] * row[-1]
        else:
            yield row


def _row(number: int, row: Any) -> Any:
    if row == "M":
        return row
    if _is_convolution(row):
        return tuple(row)
    if isinstance(row, tuple | list) and len(row) > 1 and _is_count(row[-1]) and all(map(_is_convolution, row[:-1])):
        return *(tuple(convolution) for convolution in row[:-1]), row[-1]
    raise ValueError(
        f"row {number} of the layers is {row!r}; give (kernel size, channels, stride, padding), 'M', "
        "or [convolution, convolution, times]"
    )


def _num_layers(row: Any) -> int:
    """Number of layers that a row of the table makes: the last entry of a repetition is how often it repeats."""
    return (len(row) - 1) * row[-1] if _repeats(row) else 1


def _repeats(row: Any) -> bool:
    return isinstance(row, tuple) and isinstance(row[0], tuple)


def _is_convolution(row: Any) -> bool:
    if not isinstance(row, tuple | list) or len(row) != 4 or not all(type(number) is int for number in row):
        return False
    return min(row[:3]) >= 1 and row[3] >= 0


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1
