"""What is known of a layer before it is built: the maps it reads and gives, its weights, how to build it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

from torch import nn

from yolo3.darknet.cfg import Section
from yolo3.darknet.grid import GridHead
from yolo3.darknet.layers import ACTIVATIONS

ShortcutWeights = Literal["darknet", "sigmoid"]

PICTURE = -1
"""The network input, where others have the number of a layer."""


class Map(NamedTuple):
    """The shape of what a layer gives for a picture of the size in the cfg."""

    channels: int
    height: int
    width: int
    stride: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))
    """Pixels a cell, vertical and horizontal, as the strides of the layers make it."""

    @property
    def floats(self) -> int:
        """Numbers in the map."""
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.width} x {self.height} x {self.channels}"


@dataclass(frozen=True)
class AnchorHead:
    """What Darknet calls ``[yolo]``: how the predictions of one scale are to be read."""

    anchors: tuple[tuple[float, float], ...]
    """(width, height) pixels."""
    num_classes: int
    stride: int
    """Pixels a cell."""
    xy_scale: float
    """See `Anchors`."""


@dataclass(frozen=True)
class Layer:
    """One layer, not yet built."""

    number: int
    """From 0, as Darknet counts."""
    section: Section
    reads: tuple[int, ...]
    """The numbers of the layers whose maps it takes; `PICTURE` is the network input."""
    input: Map
    """The first of these."""
    output: Map
    build: Callable[[], nn.Module]
    floats: int = 0
    """Of its weights in a file."""
    operations: int = 0
    """For one picture; a multiplication and its addition are two."""
    detail: str = ""
    """Its window or the layers it names, for people."""
    head: AnchorHead | GridHead | None = None
    """Of a layer whose output is a prediction."""


@dataclass(frozen=True)
class Options:
    """How a cfg is read where the programs that read it differ."""

    bn_eps: float = 1e-5
    """Added to the variance in every batch normalization."""
    shortcut_weights: ShortcutWeights = "darknet"
    """``darknet``: a file holds the learned weights of a ``[shortcut]``, used as the cfg says. ``sigmoid``: it has no
    place for them, and they count as σ(w)·2/n of n inputs."""


@dataclass(frozen=True)
class Place:
    """A section about to become a layer, and what is above it.

    Its readers raise `DarknetError` naming the line of a value that does not fit.
    """

    section: Section
    number: int
    above: Sequence[Layer]
    picture: Map
    options: Options

    @property
    def before(self) -> Map:
        """What the layer before gives."""
        return self.map(self.number - 1)

    def map(self, number: int) -> Map:
        """What a layer above gives."""
        return self.picture if number == PICTURE else self.above[number].output

    def layer(
        self,
        output: Map,
        build: Callable[[], nn.Module],
        *,
        reads: tuple[int, ...] | None = None,
        floats: int = 0,
        operations: int = 0,
        detail: str = "",
        head: AnchorHead | GridHead | None = None,
    ) -> Layer:
        """The layer of this section; it reads the one before unless said."""
        reads = (self.number - 1,) if reads is None else reads
        first = self.map(reads[0])
        return Layer(self.number, self.section, reads, first, output, build, floats, operations, detail, head)

    def named(self, key: str) -> tuple[int, ...]:
        """The layers that a key names, by their number or, if negative, counted from here."""
        numbers = tuple(index if index >= 0 else self.number + index for index in self.section.integers(key))
        for number in numbers:
            if not 0 <= number < self.number:
                raise self.section.error(
                    f"names layer {number}; this is layer {self.number} and can only read those before it", key
                )
        return numbers

    def stride(self) -> tuple[int, int]:
        """(vertical, horizontal) of a layer that has one or two."""
        both = self.section.integer("stride", 1, at_least=1)
        return self.section.integer("stride_y", both, at_least=1), self.section.integer("stride_x", both, at_least=1)

    def activation(self, default: str) -> str:
        """The name of a known activation."""
        name = self.section.text("activation", default)
        if name not in ACTIVATIONS:
            raise self.section.error(f"is unknown; known are {', '.join(ACTIVATIONS)}", "activation")
        return name

    def strided(self, channels: int, height: int, width: int, stride: tuple[int, int]) -> Map:
        """An output whose cells lie a stride of this layer's input apart."""
        down, right = self.before.stride
        return Map(channels, height, width, (down * stride[0], right * stride[1]))


def window(size: str, stride: tuple[int, int]) -> str:
    """Kernel size and stride, for people."""
    step = str(stride[0]) if stride[0] == stride[1] else f"{stride[0]},{stride[1]}"
    return f"{size} x {size} / {step}"


def listed(numbers: Sequence[int]) -> str:
    """Layers, for people."""
    return ", ".join(map(str, numbers))
