"""How sections that join maps become layers, and those of the learned vectors that they join; see `layer_builders`."""

from functools import partial

from yolo3.darknet.joining_layers import Implicit, Product, Route, Shortcut
from yolo3.darknet.layer_plan import LayerPlan, MapShape, SectionContext, listed

IMPLICIT_KINDS = ("implicit", "implicit_add", "implicit_mul")
"""Sections that give a learned vector."""

_START = {"implicit": (0.0, 0.2), "implicit_add": (0.0, 0.02), "implicit_mul": (1.0, 0.02)}
"""Mean and standard deviation of the initial values."""


def shortcut(context: SectionContext) -> LayerPlan:
    """``[shortcut]``."""
    section = context.section
    x = context.before
    others = context.named_layers("from")
    steps = []
    for number in others:
        other = context.map(number)
        is_vector = context.layers[number].section.kind in IMPLICIT_KINDS and other[:3] == (x.channels, 1, 1)
        step = max(1, other.height // x.height)
        if (other.height, other.width) != (step * x.height, step * x.width) and not is_vector:
            raise section.error(f"adds {other} of layer {number} to {x}; height and width must be equal", "from")
        steps.append(1 if is_vector else step)
    columns, normalization = _weights_of_shortcut(context, x.channels)
    in_file = 0 if normalization == "sigmoid" else (1 + len(others)) * columns
    return context.layer(
        x,
        partial(Shortcut, 1 + len(others), context.activation("linear"), columns, normalization, steps),
        reads=(context.number - 1, *others),
        floats=in_file,
        operations=x.floats * len(others),
        detail=listed(others),
    )


def _weights_of_shortcut(context: SectionContext, channels: int) -> tuple[int, str]:
    """Number of learned weights per input of a ``[shortcut]``, and how they are normalized."""
    section = context.section
    columns = {"none": 0, "per_feature": 1, "per_layer": 1, "per_channel": channels}
    kind = section.text("weights_type", "none")
    if kind not in columns:
        raise section.error(f"is unknown; known are {', '.join(columns)}", "weights_type")
    # the older spelling counts only where the newer one is absent: AlexeyAB's current program does not know it
    key = "weights_normalization" if "weights_normalization" in section.values else "weights_normalizion"
    written = section.text(key, "none")
    normalization = "relu" if written == "avg_relu" else written
    if normalization not in ("none", "relu", "softmax"):
        raise section.error("is unknown; known are none, relu, avg_relu and softmax", key)
    if columns[kind] and context.options.shortcut_weights == "sigmoid":
        normalization = "sigmoid"
    return columns[kind], normalization


def route(context: SectionContext) -> LayerPlan:
    """``[route]``."""
    section = context.section
    numbers = context.named_layers("layers")
    groups = section.integer("groups", 1, at_least=1)
    group_id = section.integer("group_id", 0, at_least=0)
    if group_id >= groups:
        raise section.error(f"must be below groups, which is {groups}", "group_id")
    maps = [context.map(number) for number in numbers]
    for number, map_ in zip(numbers, maps, strict=True):
        if (map_.height, map_.width) != (maps[0].height, maps[0].width):
            raise section.error(
                f"concatenates {map_} of layer {number} with {maps[0]}; height and width must be equal", "layers"
            )
        if map_.channels % groups:
            raise section.error(f"cannot split the {map_.channels} channels of layer {number}", "groups")
    output = maps[0]._replace(channels=sum(map_.channels for map_ in maps) // groups)
    part = f" {group_id}/{groups}" if groups > 1 else ""
    return context.layer(output, partial(Route, groups, group_id), reads=numbers, detail=listed(numbers) + part)


def scale_channels(context: SectionContext) -> LayerPlan:
    """``[scale_channels]``: the named map scaled by the layer before, or the layer before by a learned vector."""
    number = _one_layer(context)
    scales = context.before
    x = context.map(number)
    if context.layers[number].section.kind in IMPLICIT_KINDS:
        scales, x = x, scales
    if (scales.channels, scales.height, scales.width) != (x.channels, 1, 1):
        raise context.section.error(f"scales {x} by {scales}; it needs 1 x 1 x {x.channels}", "from")
    return _product(context, number, x)


def sam(context: SectionContext) -> LayerPlan:
    """``[sam]``: the product of two maps."""
    number = _one_layer(context)
    x = context.before
    other = context.map(number)
    if other[:3] != x[:3]:
        raise context.section.error(f"multiplies {x} by {other} of layer {number}; they must have one shape", "from")
    return _product(context, number, x)


def control_channels(context: SectionContext) -> LayerPlan:
    """``[control_channels]``: the layer before multiplied by a learned vector."""
    number = _one_layer(context)
    x = context.before
    _check_vector(context, number)
    return _product(context, number, x)


def shift_channels(context: SectionContext) -> LayerPlan:
    """``[shift_channels]``: the layer before plus a learned vector."""
    number = _one_layer(context)
    _check_vector(context, number)
    return context.layer(
        context.before,
        partial(Shortcut, 2, "linear"),
        reads=(context.number - 1, number),
        operations=context.before.floats,
        detail=listed([number]),
    )


def implicit(context: SectionContext) -> LayerPlan:
    """``[implicit]``, ``[implicit_add]`` and ``[implicit_mul]``: a learned vector."""
    section = context.section
    channels = section.integer("filters", 128, at_least=1)
    atoms = section.integer("atoms", 1, at_least=1)
    mean, std = _START[section.kind]
    return context.layer(
        MapShape(channels, atoms, 1),
        partial(Implicit, channels, atoms, section.number("mean", mean), abs(section.number("std", std))),
        reads=(),
        floats=channels * atoms,
    )


def _one_layer(context: SectionContext) -> int:
    """The only layer that ``from`` names."""
    number, *more = context.named_layers("from")
    if more:
        raise context.section.error("must be one layer", "from")
    return number


def _check_vector(context: SectionContext, number: int) -> None:
    """Raise the error for a layer that is not a vector with one value per channel of the layer before."""
    channels = context.before.channels
    vector = context.map(number)
    if vector[:3] != (channels, 1, 1):
        raise context.section.error(f"is {vector} of layer {number}; it needs 1 x 1 x {channels}", "from")


def _product(context: SectionContext, number: int, output: MapShape) -> LayerPlan:
    return context.layer(
        output,
        partial(Product, context.activation("linear")),
        reads=(context.number - 1, number),
        operations=output.floats,
        detail=listed([number]),
    )
