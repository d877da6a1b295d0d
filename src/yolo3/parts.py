"""Parts that are passed in to a network: how they are built, and how one that does not fit is told from the others."""

import inspect
from collections.abc import Callable, Sequence, Sized
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

PartFactory = Callable[..., nn.Module]
"""A class or function that makes a part of a network and is called like the default one."""


def build_part(part: PartFactory, *numbers: int, **settings: Any) -> nn.Module:
    """Call a factory with the numbers, and with those of the settings that it has parameters for.

    So a subclass whose ``__init__`` takes fewer arguments than the default part, such as ``channels`` alone, will do.

    Args:
        part: Factory of the part.
        numbers: Positional arguments, which every factory takes.
        settings: Arguments that a factory may do without. They are passed by name; by position, in this order, where
            the factory has other names for them and needs them.

    Raises:
        ValueError: Something that builds no parts: a name, or a part that is built already.
    """
    if isinstance(part, nn.Module):
        name = type(part).__name__
        raise ValueError(f"{name}(...) is one part, built already; pass what builds each: the class {name}")
    if not callable(part):
        raise ValueError(f"{part!r} builds no parts; pass a class or a function")
    signature = inspect.signature(part)
    parameters = signature.parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return part(*numbers, **settings)
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return part(*numbers, *settings.values())
    known = {name: value for name, value in settings.items() if name in parameters}
    try:
        signature.bind(*numbers, **known)
    except TypeError:
        return part(*numbers, *settings.values())
    return part(*numbers, **known)


def check_channels(output: Tensor, part: nn.Module, expected: int) -> Tensor:
    """A map as it is, if it has the channels that the next part was built for.

    Args:
        output: (B, C, H, W) map that the part gave.
        part: Part that gave it.
        expected: Number of channels C that it should have.

    Raises:
        ValueError: Another number of channels.
    """
    if output.shape[1] != expected:
        name = type(part).__name__
        raise ValueError(f"{name} gave a map of {output.shape[1]} channels, the next part takes {expected}")
    return output


def out_channels_of(part: nn.Module) -> int:
    """The ``out_channels`` that a part says it gives.

    Raises:
        ValueError: A part that does not say, or says something else than a positive int.
    """
    channels = getattr(part, "out_channels", None)
    if not isinstance(channels, int) or channels < 1:
        name = type(part).__name__
        raise ValueError(f"{name}.out_channels is {channels!r}; a part says the channels of its map as a positive int")
    return channels


def check_strides(strides: tuple[int, ...]) -> None:
    """Raise the ValueError of scales that are not coarse to fine, each stride half of the one before."""
    if any(fine * 2 != coarse for coarse, fine in pairwise(strides)):
        raise ValueError(f"strides are {strides}; give them coarse to fine, each half of the one before: 32, 16, 8")


def channels_of_maps(backbone: nn.Module, strides: tuple[int, ...]) -> tuple[int, ...]:
    """The channels of the maps of a backbone, coarse to fine.

    Args:
        backbone: Backbone whose ``out_channels`` names the channels of its maps, fine to coarse.
        strides: Strides of the scales that need a map each, coarse to fine.

    Raises:
        ValueError: Something that is no `nn.Module`; no ``out_channels``, or one of another number of maps than there
            are scales.
    """
    if isinstance(backbone, type):
        raise ValueError(f"backbone is the class {backbone.__name__}; pass a built one: {backbone.__name__}()")
    if not isinstance(backbone, nn.Module):
        raise ValueError(f"backbone is {backbone!r}; pass an nn.Module, as in backbone=Darknet53(width=0.5)")
    name = type(backbone).__name__
    channels = getattr(backbone, "out_channels", None)
    fine_to_coarse = ", ".join(str(stride) for stride in reversed(strides))
    if not isinstance(channels, tuple | list) or not all(isinstance(number, int) for number in channels):
        raise ValueError(
            f"{name}.out_channels is {channels!r}; a backbone says the channels of its maps at strides "
            f"{fine_to_coarse} as {len(strides)} ints"
        )
    if len(channels) != len(strides):
        scales = f"the anchors have {len(strides)} scales, at strides {fine_to_coarse}"
        raise ValueError(f"{name} gives {len(channels)} maps, of {tuple(channels)} channels; {scales}")
    return tuple(reversed(channels))


def check_maps(maps: Any, backbone: nn.Module) -> list[Tensor]:
    """The maps of a backbone, coarse to fine, if they are what its ``out_channels`` says.

    Args:
        maps: Output of the backbone: (B, C, H, W) each, fine to coarse.
        backbone: Backbone that gave it.

    Raises:
        ValueError: Another number of maps, or a map of another number of channels.
    """
    name = type(backbone).__name__
    said: Any = backbone.out_channels
    if not isinstance(maps, tuple | list):
        raise ValueError(f"{name} gave a {type(maps).__name__}, its out_channels says {len(said)} maps, fine to coarse")
    if len(maps) != len(said):
        raise ValueError(f"{name} gave {len(maps)} maps, its out_channels says {len(said)}")
    for number, (map_, channels) in enumerate(zip(maps, said, strict=True)):
        if map_.shape[1] != channels:
            given = f"{name} gave a map of {map_.shape[1]} channels"
            raise ValueError(f"{given}, its out_channels[{number}] says {channels}")
    return list(reversed(maps))


def check_map_sizes(maps: Sequence[Tensor], backbone: nn.Module, images: Tensor, strides: tuple[int, ...]) -> None:
    """Refuse maps at other strides than those of the anchors: every box would be predicted at a wrong place and size.

    Args:
        maps: (B, C, H/stride, W/stride) map of each scale, coarse to fine.
        backbone: Backbone that gave them.
        images: (B, C, H, W).
        strides: Strides of the scales, coarse to fine.

    Raises:
        ValueError: A map of another height or width.
    """
    if torch.compiler.is_compiling():  # sizes are symbols there, and need not be comparable
        return
    height, width = images.shape[2:]
    for map_, stride in zip(maps, strides, strict=True):
        if tuple(map_.shape[2:]) != (height // stride, width // stride):
            raise ValueError(
                f"{type(backbone).__name__} gave a map of {map_.shape[2]} x {map_.shape[3]} for stride {stride} and "
                f"images of {height} x {width}, not {height // stride} x {width // stride}; its maps are at strides "
                f"{', '.join(str(stride) for stride in reversed(strides))}, fine to coarse"
            )


def check_predictions(
    predictions: Sequence[Tensor], heads: Sequence[nn.Module], sizes: Sequence[Sized], num_classes: int
) -> tuple[Tensor, ...]:
    """The predictions of every scale as they are, if they have the right shape.

    Args:
        predictions: Output of each head, which should be (B, A, S, S, 5 + C).
        heads: Heads that gave them.
        sizes: Anchors of each scale, A of them.
        num_classes: Number of classes C.

    Raises:
        ValueError: Another number of axes, anchors or columns.
    """
    for logits, head, anchors in zip(predictions, heads, sizes, strict=True):
        if logits.ndim != 5 or logits.shape[1] != len(anchors) or logits.shape[-1] != 5 + num_classes:
            expected = f"(B, {len(anchors)}, S, S, {5 + num_classes})"
            why = f"{len(anchors)} anchors and {num_classes} classes"
            raise ValueError(f"{type(head).__name__} gave predictions of {tuple(logits.shape)}, not {expected}: {why}")
    return tuple(predictions)
