"""How each type of section becomes a layer; the sections that only YOLOv1 has are in `yolov1_builders`.

Every function here takes a `SectionContext` and raises `DarknetError` for a section that does not fit the layers before
it.
"""

from functools import partial

from torch import nn

from yolo3.darknet.layer_plan import AnchorHead, LayerPlan, MapShape, SectionContext, listed, window
from yolo3.darknet.layers import Convolution, MaxPool, Prediction, Route, ScaleChannels, Shortcut, Softmax


def convolutional(context: SectionContext) -> LayerPlan:
    """``[convolutional]``."""
    section = context.section
    x = context.before
    filters = section.integer("filters", 1, at_least=1)
    groups = section.integer("groups", 1, at_least=1)
    sizes = section.integers("size", (1,), at_least=1)
    padding = section.integer("padding", 0, at_least=0)
    paddings = [size // 2 if section.flag("pad") else padding for size in sizes]
    if filters % (groups * len(sizes)) or x.channels % groups:
        text = f"{x.channels} channels to {filters} filters cannot be split into groups={groups}"
        raise section.error(f"{text} and {len(sizes)} kernel sizes")
    stride = context.stride()
    outputs = {
        ((x.height + 2 * pad - size) // stride[0] + 1, (x.width + 2 * pad - size) // stride[1] + 1)
        for size, pad in zip(sizes, paddings, strict=True)
    }
    if len(outputs) > 1:
        raise section.error("gives maps of different sizes; mixed kernels must be odd and need pad=1", "size")
    output = context.strided(filters, *outputs.pop(), stride)
    weights = filters // len(sizes) * (x.channels // groups) * sum(size * size for size in sizes)
    normalize = section.flag("batch_normalize")
    activation = context.activation("logistic")
    bn_eps = context.options.bn_eps
    return context.layer(
        output,
        partial(Convolution, x.channels, filters, sizes, stride, paddings, groups, activation, normalize, bn_eps),
        floats=weights + filters * (4 if normalize else 1),
        operations=2 * weights * output.height * output.width,
        detail=window(section.text("size", "1"), stride),
    )


def shortcut(context: SectionContext) -> LayerPlan:
    """``[shortcut]``."""
    section = context.section
    x = context.before
    others = context.named_layers("from")
    for number in others:
        other = context.map(number)
        if (other.height, other.width) != (x.height, x.width):
            raise section.error(f"adds {other} of layer {number} to {x}; height and width must be equal", "from")
    columns, normalization = _weights_of_shortcut(context, x.channels)
    in_file = 0 if normalization == "sigmoid" else (1 + len(others)) * columns
    return context.layer(
        x,
        partial(Shortcut, 1 + len(others), context.activation("linear"), columns, normalization),
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
    """``[scale_channels]``."""
    section = context.section
    scales = context.before
    number, *more = context.named_layers("from")
    x = context.map(number)
    if more or (scales.channels, scales.height, scales.width) != (x.channels, 1, 1):
        raise section.error(f"scales {x} of layer {number} by {scales}; it needs 1 x 1 x {x.channels}", "from")
    return context.layer(
        x,
        partial(ScaleChannels, context.activation("linear")),
        reads=(context.number - 1, number),
        operations=x.floats,
        detail=listed([number]),
    )


def upsample(context: SectionContext) -> LayerPlan:
    """``[upsample]``."""
    x = context.before
    stride = context.section.integer("stride", 2, at_least=1)
    output = MapShape(x.channels, x.height * stride, x.width * stride, (x.stride[0] / stride, x.stride[1] / stride))
    return context.layer(output, partial(nn.Upsample, scale_factor=stride, mode="nearest"), detail=f"* {stride}")


def maxpool(context: SectionContext) -> LayerPlan:
    """``[maxpool]``."""
    section = context.section
    x = context.before
    stride = context.stride()
    size = section.integer("size", section.integer("stride", 1, at_least=1), at_least=1)
    padding = section.integer("padding", size - 1, at_least=0)
    if padding >= size:
        raise section.error(f"must be below the size of the window, {size}", "padding")
    rows = (x.height + padding - size) // stride[0] + 1
    columns = (x.width + padding - size) // stride[1] + 1
    output = context.strided(x.channels, rows, columns, stride)
    return context.layer(
        output,
        partial(MaxPool, size, stride, padding),
        operations=size * size * output.floats,
        detail=window(str(size), stride),
    )


def avgpool(context: SectionContext) -> LayerPlan:
    """``[avgpool]``: the mean of the whole map."""
    return context.layer(MapShape(context.before.channels, 1, 1), partial(nn.AdaptiveAvgPool2d, 1))


def softmax(context: SectionContext) -> LayerPlan:
    """``[softmax]``."""
    section = context.section
    x = context.before
    groups = section.integer("groups", 1, at_least=1)
    temperature = section.number("temperature", 1.0)
    if x.floats % groups:
        raise section.error(f"does not divide the {x.floats} values of the layer before", "groups")
    if not 1e-6 <= temperature <= 1e6:
        raise section.error("must be positive", "temperature")
    return context.layer(x, partial(Softmax, groups, temperature))


def dropout(context: SectionContext) -> LayerPlan:
    """``[dropout]``."""
    probability = context.section.number("probability", 0.2)
    if not 0 <= probability < 1:
        raise context.section.error("must lie in [0, 1)", "probability")
    return context.layer(context.before, partial(nn.Dropout, probability))


def yolo(context: SectionContext) -> LayerPlan:
    """``[yolo]``, which reads the predictions of the convolution before it."""
    section = context.section
    x = context.before
    if section.flag("new_coords"):
        raise section.error(
            "reads boxes in another way (YOLOv4-csp, YOLOv7), which is not supported; without the key every box "
            "would be wrong",
            "new_coords",
        )
    classes = section.integer("classes", 20, at_least=1)
    num = section.integer("num", 1, at_least=1)
    edges = section.numbers("anchors")
    if len(edges) % 2 or len(edges) < 2 * num:
        raise section.error(f"must be num={num} pairs of width, height; there are {len(edges)} numbers", "anchors")
    if not all(0 < edge < 1e6 for edge in edges):
        raise section.error("must be positive pixels", "anchors")
    mask = section.integers("mask", tuple(range(num)), at_least=0)
    if max(mask) >= num:
        raise section.error(f"chooses anchor {max(mask)}; num={num} has 0 to {num - 1}", "mask")
    convolution = context.layers[-1].section if context.layers else None
    if convolution is None or convolution.kind != "convolutional":
        raise section.error("must follow a [convolutional]")
    if convolution.text("activation", "logistic") != "linear":
        raise convolution.error("before a [yolo] must be linear: the head has its own sigmoid", "activation")
    if convolution.integer("groups", 1) > 1 or len(convolution.integers("size", (1,))) > 1:
        raise convolution.error("before a [yolo] can have neither groups nor mixed kernels")
    needed = len(mask) * (5 + classes)
    if x.channels != needed:
        text = f"must be {needed} for the [yolo] in line {section.line}: {len(mask)} anchors and {classes} classes"
        raise convolution.error(text, "filters")
    xy_scale = section.number("scale_x_y", 1.0)
    if not 0.1 <= xy_scale <= 10:
        raise section.error("must lie between 0.1 and 10", "scale_x_y")
    pairs = list(zip(edges[::2], edges[1::2], strict=True))
    down, right = x.stride
    if down != right or down.denominator > 1:
        raise section.error(f"predicts on cells of {right} x {down} pixels; they must be square and whole")
    head = AnchorHead(tuple(pairs[index] for index in mask), classes, int(down), xy_scale)
    return context.layer(x, partial(Prediction, len(mask)), head=head)
