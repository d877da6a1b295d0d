"""How the sections that only YOLOv1 has become layers; see `rules`."""

from functools import partial

from yolo3.darknet.grid import Connected, Crop, GridHead, GridPrediction, Local
from yolo3.darknet.place import Layer, Map, Place, window


def crop(at: Place) -> Layer:
    """``[crop]``."""
    section, x = at.section, at.before
    height, width = section.integer("crop_height", 1, at_least=1), section.integer("crop_width", 1, at_least=1)
    if height > x.height or width > x.width:
        raise section.error(f"cuts {width} x {height} out of {x}")
    build = partial(Crop, height, width, adjust=not section.flag("noadjust"))
    return at.layer(Map(x.channels, height, width, x.stride), build)


def local(at: Place) -> Layer:
    """``[local]``."""
    section, x = at.section, at.before
    filters, size = section.integer("filters", 1, at_least=1), section.integer("size", 1, at_least=1)
    stride, padded = section.integer("stride", 1, at_least=1), section.flag("pad")
    if padded and size % 2 == 0:
        raise section.error("must be odd where pad=1", "size")
    reach = 1 if padded else size
    rows, columns = (x.height - reach) // stride + 1, (x.width - reach) // stride + 1
    output = at.strided(filters, rows, columns, (stride, stride))
    weights = output.floats * x.channels * size * size
    padding = size // 2 if padded else 0
    return at.layer(
        output,
        partial(Local, x.channels, output[:3], size, stride, padding, at.activation("logistic")),
        floats=output.floats + weights,
        operations=2 * weights,
        detail=window(str(size), (stride, stride)),
    )


def connected(at: Place) -> Layer:
    """``[connected]``."""
    section, x = at.section, at.before
    outputs, normalize = section.integer("output", 1, at_least=1), section.flag("batch_normalize")
    return at.layer(
        Map(outputs, 1, 1),
        partial(Connected, x.floats, outputs, at.activation("logistic"), normalize, bn_eps=at.options.bn_eps),
        floats=outputs * (x.floats + (4 if normalize else 1)),
        operations=2 * outputs * x.floats,
    )


def detection(at: Place) -> Layer:
    """``[detection]``, whose predictions come from the layer before it."""
    section, x = at.section, at.before
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
    return at.layer(x, partial(GridPrediction, head), head=head)
