"""How the sections that only YOLOv1 has become layers; see `layer_builders`."""

from functools import partial

from yolo3.darknet.layer_plan import LayerPlan, MapShape, SectionContext, window
from yolo3.darknet.yolov1_layers import Connected, Crop, GridHead, GridPrediction, Local


def crop(context: SectionContext) -> LayerPlan:
    """``[crop]``."""
    section = context.section
    x = context.before
    height = section.integer("crop_height", 1, at_least=1)
    width = section.integer("crop_width", 1, at_least=1)
    if height > x.height or width > x.width:
        raise section.error(f"cuts {width} x {height} out of {x}")
    build = partial(Crop, height, width, adjust=not section.flag("noadjust"))
    return context.layer(MapShape(x.channels, height, width, x.stride), build)


def local(context: SectionContext) -> LayerPlan:
    """``[local]``."""
    section = context.section
    x = context.before
    filters = section.integer("filters", 1, at_least=1)
    size = section.integer("size", 1, at_least=1)
    stride = section.integer("stride", 1, at_least=1)
    padded = section.flag("pad")
    if padded and size % 2 == 0:
        raise section.error("must be odd where pad=1", "size")
    reach = 1 if padded else size
    rows = (x.height - reach) // stride + 1
    columns = (x.width - reach) // stride + 1
    output = context.strided(filters, rows, columns, (stride, stride))
    weights = output.floats * x.channels * size * size
    padding = size // 2 if padded else 0
    return context.layer(
        output,
        partial(Local, x.channels, output[:3], size, stride, padding, context.activation("logistic")),
        floats=output.floats + weights,
        operations=2 * weights,
        detail=window(str(size), (stride, stride)),
    )


def connected(context: SectionContext) -> LayerPlan:
    """``[connected]``."""
    section = context.section
    inputs = context.before.floats
    outputs = section.integer("output", 1, at_least=1)
    normalize = section.flag("batch_normalize")
    vectors = 4 if normalize else 1  # biases; with normalisation scales, means and variances too
    return context.layer(
        MapShape(outputs, 1, 1),
        partial(Connected, inputs, outputs, context.activation("logistic"), normalize, bn_eps=context.options.bn_eps),
        floats=outputs * (inputs + vectors),
        operations=2 * outputs * inputs,
    )


def detection(context: SectionContext) -> LayerPlan:
    """``[detection]``, which reads the predictions of the layer before it."""
    section = context.section
    x = context.before
    if section.integer("coords", 1) != 4:
        raise section.error("must have coords=4")
    head = GridHead(
        section.integer("side", 7, at_least=1),
        section.integer("num", 1, at_least=1),
        section.integer("classes", 1, at_least=1),
        squared=section.flag("sqrt"),
        softmax=section.flag("softmax"),
    )
    if x.floats != head.outputs:
        text = f"side={head.side}, num={head.num_boxes}, classes={head.num_classes} need {head.outputs} values"
        raise section.error(f"{text}; the layer before gives {x.floats}")
    return context.layer(x, partial(GridPrediction, head), head=head)
