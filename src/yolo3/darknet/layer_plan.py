"""A layer before it is built: the maps it reads and gives, its weights, and how to build it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, get_args

from torch import nn

from yolo3.darknet.activations import ACTIVATIONS
from yolo3.darknet.cfg import DarknetError, Section
from yolo3.darknet.heads import AnchorHead
from yolo3.darknet.kernels import MixedSplit
from yolo3.darknet.yolov1_layers import GridHead

ShortcutWeights = Literal["darknet", "sigmoid"]

NETWORK_INPUT = -1
"""Number of the network input, where the maps of layers have the number of their layer."""


class MapShape(NamedTuple):
    """The shape of a layer's output for an image of the size in the cfg."""

    channels: int
    height: int
    width: int
    stride: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))
    """Vertical and horizontal pixels per cell, the product of the strides of the layers."""

    @property
    def floats(self) -> int:
        """Number of values in the map."""
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.width} x {self.height} x {self.channels}"


@dataclass(frozen=True)
class LayerPlan:
    """One layer, not yet built."""

    number: int
    """Number of the layer, from 0, as Darknet counts."""
    section: Section
    reads: tuple[int, ...]
    """Numbers of the layers whose outputs it takes; `NETWORK_INPUT` is the image."""
    input: MapShape | None
    """Shape of the first of these; None for a layer that reads nothing."""
    output: MapShape
    build: Callable[[], nn.Module]
    floats: int = 0
    """Number of its weights in a file."""
    operations: int = 0
    """Operations for one image; a multiplication and its addition are two."""
    detail: str = ""
    """Window size or layer numbers, for the table of layers."""
    head: AnchorHead | GridHead | None = None
    """How to read the output, for a layer that predicts."""


@dataclass(frozen=True)
class CfgOptions:
    """How to read a cfg where the programs that read it differ.

    Raises:
        DarknetError: An option out of range.
    """

    bn_eps: float = 1e-5
    """Added to the variance in every batch normalization."""
    shortcut_weights: ShortcutWeights = "darknet"
    """``darknet``: files hold the learned weights of a ``[shortcut]``, used as the cfg says. ``sigmoid``: files have no
    place for them, and the factors are σ(w)·2/n for n inputs."""
    mixed: MixedSplit = "channels"
    """How a mixed convolution divides its filters among the kernel sizes: equal numbers of ``channels``, or of
    ``parameters``."""

    def __post_init__(self) -> None:
        if not 0 <= self.bn_eps < 1:
            raise DarknetError(f"bn_eps is {self.bn_eps}; choose a small number such as 1e-5, at least 0")
        if self.shortcut_weights not in get_args(ShortcutWeights):
            raise DarknetError(f"unknown shortcut_weights {self.shortcut_weights!r}; choose darknet or sigmoid")
        if self.mixed not in get_args(MixedSplit):
            raise DarknetError(f"unknown mixed {self.mixed!r}; choose channels or parameters")


@dataclass(frozen=True)
class SectionContext:
    """A section about to become a layer, and the layers before it.

    Its readers raise `DarknetError` with the line of a value that does not fit.
    """

    section: Section
    number: int
    """Number of the layer, from 0."""
    layers: Sequence[LayerPlan]
    """The layers before it."""
    image: MapShape
    options: CfgOptions

    @property
    def before(self) -> MapShape:
        """Output of the layer before."""
        return self.map(self.number - 1)

    def map(self, number: int) -> MapShape:
        """Output of an earlier layer."""
        return self.image if number == NETWORK_INPUT else self.layers[number].output

    def layer(
        self,
        output: MapShape,
        build: Callable[[], nn.Module],
        *,
        reads: tuple[int, ...] | None = None,
        floats: int = 0,
        operations: int = 0,
        detail: str = "",
        head: AnchorHead | GridHead | None = None,
    ) -> LayerPlan:
        """The layer of this section; by default it reads the layer before."""
        reads = (self.number - 1,) if reads is None else reads
        first = self.map(reads[0]) if reads else None
        return LayerPlan(self.number, self.section, reads, first, output, build, floats, operations, detail, head)

    def named_layers(self, key: str) -> tuple[int, ...]:
        """The layers that a key names, by number or, if negative, relative to this layer."""
        numbers = tuple(index if index >= 0 else self.number + index for index in self.section.integers(key))
        for number in numbers:
            if not 0 <= number < self.number:
                raise self.section.error(
                    f"names layer {number}; this is layer {self.number} and can only read earlier ones", key
                )
        return numbers

    def stride(self) -> tuple[int, int]:
        """(vertical, horizontal) stride, from ``stride``, ``stride_y`` and ``stride_x``."""
        both = self.section.integer("stride", 1, at_least=1)
        return self.section.integer("stride_y", both, at_least=1), self.section.integer("stride_x", both, at_least=1)

    def activation(self, default: str) -> str:
        """The name of a known activation."""
        name = self.section.text("activation", default)
        if name not in ACTIVATIONS:
            raise self.section.error(f"is unknown; known are {', '.join(ACTIVATIONS)}", "activation")
        return name

    def strided(self, channels: int, height: int, width: int, stride: tuple[int, int]) -> MapShape:
        """An output whose cells are one stride of the input apart."""
        down, right = self.before.stride
        return MapShape(channels, height, width, (down * stride[0], right * stride[1]))


def window(size: str, stride: tuple[int, int]) -> str:
    """Kernel size and stride as text."""
    step = str(stride[0]) if stride[0] == stride[1] else f"{stride[0]},{stride[1]}"
    return f"{size} x {size} / {step}"


def listed(numbers: Sequence[int]) -> str:
    """Layer numbers as text."""
    return ", ".join(map(str, numbers))
