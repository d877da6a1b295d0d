"""How sections that read one map become layers.

Sections that join maps are in `joining_builders`, heads in `head_builders`, and what only YOLOv1 has in
`yolov1_builders`. Each builder takes a `SectionContext` and raises `DarknetError` for a section that does not fit the
layers before it.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from yolo3.darknet.kernels import Kernel, split_filters
from yolo3.darknet.layer_plan import LayerPlan, MapShape, SectionContext, window
from yolo3.darknet.layers import Convolution, LocalAvgPool, MaxPool, Reorg, Softmax, SpaceToDepth


def convolutional(context: SectionContext) -> LayerPlan:
    """``[convolutional]``."""
    section = context.section
    x = context.before
    groups = section.integer("groups", 1, at_least=1)
    kernels = _kernels(context)
    filters = sum(kernel.filters for kernel in kernels)
    if x.channels % groups or any(kernel.filters % groups for kernel in kernels):
        shares = " + ".join(str(kernel.filters) for kernel in kernels)
        raise section.error(f"{x.channels} channels to {shares} filters cannot be split into groups={groups}")
    dilation = section.integer("dilation", 1, at_least=1)
    if dilation > 1 and any(2 * kernel.padding != dilation * (kernel.size - 1) for kernel in kernels):
        raise section.error("needs an odd size and pad=1", "dilation")
    stride = context.stride()
    outputs = {
        (
            (x.height + 2 * kernel.padding - dilation * (kernel.size - 1) - 1) // stride[0] + 1,
            (x.width + 2 * kernel.padding - dilation * (kernel.size - 1) - 1) // stride[1] + 1,
        )
        for kernel in kernels
    }
    if len(outputs) > 1:
        raise section.error("gives maps of different sizes; mixed kernels must be odd and need pad=1", "size")
    output = context.strided(filters, *outputs.pop(), stride)
    weights = sum(kernel.filters * (x.channels // groups) * kernel.size**2 for kernel in kernels)
    normalize = section.flag("batch_normalize")
    vectors = 4 if normalize else 1  # biases; with normalisation scales, means and variances too
    return context.layer(
        output,
        partial(
            Convolution,
            x.channels,
            kernels,
            stride,
            groups,
            activation=context.activation("logistic"),
            batch_normalize=normalize,
            bn_eps=context.options.bn_eps,
            dilation=dilation,
        ),
        floats=weights + filters * vectors,
        operations=2 * weights * output.height * output.width,
        detail=window(section.text("size", "1"), stride),
    )


def _kernels(context: SectionContext) -> tuple[Kernel, ...]:
    """The kernels of a ``[convolutional]``."""
    section = context.section
    filters = section.integer("filters", 1, at_least=1)
    sizes = section.integers("size", (1,), at_least=1)
    shares = split_filters(filters, sizes, context.options.mixed)
    if shares is None or min(shares) < 1:
        text = f"cannot be divided among size={section.text('size', '1')} with equal {context.options.mixed}"
        raise section.error(text, "filters")
    dilation = section.integer("dilation", 1, at_least=1)
    padding = section.integer("padding", 0, at_least=0)
    paddings = [padding * dilation for _ in sizes]
    if section.flag("pad"):  # which wins over padding=
        paddings = [size // 2 * dilation for size in sizes]
    return tuple(Kernel(*each) for each in zip(sizes, paddings, shares, strict=True))


def upsample(context: SectionContext) -> LayerPlan:
    """``[upsample]``."""
    x = context.before
    stride = context.section.integer("stride", 2, at_least=1)
    output = MapShape(x.channels, x.height * stride, x.width * stride, (x.stride[0] / stride, x.stride[1] / stride))
    return context.layer(output, partial(nn.Upsample, scale_factor=stride, mode="nearest"), detail=f"* {stride}")


def maxpool(context: SectionContext) -> LayerPlan:
    """``[maxpool]``."""
    return _pool(context, MaxPool)


def local_avgpool(context: SectionContext) -> LayerPlan:
    """``[local_avgpool]``."""
    return _pool(context, LocalAvgPool)


def _pool(context: SectionContext, kind: Callable[[int, tuple[int, int], int], nn.Module]) -> LayerPlan:
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
        partial(kind, size, stride, padding),
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


def reorg(context: SectionContext) -> LayerPlan:
    """``[reorg]``."""
    stride = context.section.integer("stride", 1, at_least=1)
    if context.before.channels % stride**2:
        text = f"needs channels that are a multiple of {stride**2}, not {context.before.channels}"
        raise context.section.error(text, "stride")
    return _space_to_depth(context, Reorg)


def reorg3d(context: SectionContext) -> LayerPlan:
    """``[reorg3d]``."""
    return _space_to_depth(context, SpaceToDepth)


def _space_to_depth(context: SectionContext, kind: Callable[[int], nn.Module]) -> LayerPlan:
    x = context.before
    stride = context.section.integer("stride", 1, at_least=1)
    if x.height % stride or x.width % stride:
        raise context.section.error(f"does not divide {x}", "stride")
    output = context.strided(x.channels * stride**2, x.height // stride, x.width // stride, (stride, stride))
    return context.layer(output, partial(kind, stride), detail=f"/ {stride}")


def batchnorm(context: SectionContext) -> LayerPlan:
    """``[batchnorm]``."""
    x = context.before
    build = partial(nn.BatchNorm2d, x.channels, eps=context.options.bn_eps)
    return context.layer(x, build, floats=4 * x.channels, operations=2 * x.floats)


def without_effect(context: SectionContext) -> LayerPlan:
    """``[cost]`` and ``[contrastive]``: losses of Darknet's trainer."""
    return context.layer(context.before, nn.Identity)
