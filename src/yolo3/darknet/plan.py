"""From the sections of a cfg to the layers of a network, checked before any memory is taken for them."""

import math
from collections.abc import Callable, Sequence

from yolo3.darknet import grid_rules, rules
from yolo3.darknet.cfg import Section
from yolo3.darknet.grid import GridHead
from yolo3.darknet.place import AnchorHead, Layer, Map, Options, Place

_MOST_FLOATS = 300_000_000  # of all weights: 1.2 GB; the largest network of the YOLO papers has 272 million
_LARGEST_MAP = 1 << 27  # floats of one layer's output for one picture: 512 MB
_MOST_OPERATIONS = 10**13  # for one picture: YOLOv3 at 5,000 x 5,000
_LARGEST_STRIDE = 1 << 16

_RULES: dict[str, Callable[[Place], Layer]] = {
    "convolutional": rules.convolutional,
    "shortcut": rules.shortcut,
    "route": rules.route,
    "scale_channels": rules.scale_channels,
    "upsample": rules.upsample,
    "maxpool": rules.maxpool,
    "avgpool": rules.avgpool,
    "softmax": rules.softmax,
    "dropout": rules.dropout,
    "yolo": rules.yolo,
    "crop": grid_rules.crop,
    "local": grid_rules.local,
    "connected": grid_rules.connected,
    "detection": grid_rules.detection,
}


def plan_layers(sections: Sequence[Section], options: Options) -> tuple[Layer, ...]:
    """The layers of a cfg.

    Args:
        sections: ``[net]`` first.
        options: How it is read where programs differ.

    Raises:
        DarknetError: a layer that does not fit those it reads, heads that do not fit together, a network absurdly large
            or without predictions, a picture that is not a whole number of cells.
    """
    net, *rest = sections
    picture = Map(
        net.integer("channels", 3, at_least=1), net.integer("height", at_least=1), net.integer("width", at_least=1)
    )
    _check_map(net, picture)
    layers: list[Layer] = []
    floats, operations, stride = 0, 0, 1
    one_size = any(section.kind == "detection" for section in rest)
    for number, section in enumerate(rest):
        layer = _RULES[section.kind](Place(section, number, layers, picture, options))
        _check_map(section, layer.output)
        floats, operations = floats + layer.floats, operations + layer.operations
        if floats > _MOST_FLOATS:
            raise section.error(f"makes it {floats:,} weights; {_MOST_FLOATS:,} are the most")
        if operations > _MOST_OPERATIONS:
            raise section.error(f"makes it {operations:,} operations a picture; {_MOST_OPERATIONS:,} are the most")
        layers.append(layer)
        stride = math.lcm(stride, coarsest_stride([layer]))
        if not one_size and (picture.height % stride or picture.width % stride):  # before it shows as maps that differ
            raise net.error(f"width={picture.width}, height={picture.height} must be multiples of {stride}")
    _check_heads(net, layers)
    _check_grids(picture, layers)
    _check_nothing_reads_predictions(layers)
    return tuple(layers)


def coarsest_stride(layers: Sequence[Layer]) -> int:
    """Pixels: what the height and width of an input must be multiples of, so that every map has whole cells only."""
    return math.lcm(*(pixels.numerator for layer in layers for pixels in layer.output.stride))


def _check_map(section: Section, map_: Map) -> None:
    """Raise the error of a map that is empty or absurdly large or coarse."""
    if min(map_.channels, map_.height, map_.width) < 1:
        raise section.error("has no output: its window is larger than the map before")
    if map_.floats > _LARGEST_MAP:
        raise section.error(f"gives {map_.floats:,} numbers for one picture; {_LARGEST_MAP:,} are the most")
    if any(max(pixels.numerator, pixels.denominator) > _LARGEST_STRIDE for pixels in map_.stride):
        raise section.error(f"makes a stride of more than {_LARGEST_STRIDE:,}")


def _check_heads(net: Section, layers: Sequence[Layer]) -> None:
    """Raise the error of heads that are missing or do not go together."""
    predictions = [(layer.section, layer.head) for layer in layers if layer.head is not None]
    if not predictions:
        raise net.error("is followed by neither [yolo] nor [detection]; a detector needs one")
    _, first = predictions[0]
    for section, head in predictions[1:]:
        if isinstance(head, GridHead) or isinstance(first, GridHead):
            raise section.error("is a second prediction; a [detection] stands alone")
        if head.num_classes != first.num_classes:
            raise section.error(f"is {head.num_classes}, another head has {first.num_classes}", "classes")


def _check_grids(picture: Map, layers: Sequence[Layer]) -> None:
    """Raise the error of a head whose grid does not cover the picture exactly: some layer cuts or adds a border."""
    for layer in layers:
        grid, head = layer.output, layer.head
        if isinstance(head, AnchorHead) and (grid.height, grid.width) != (
            picture.height // head.stride,
            picture.width // head.stride,
        ):
            cells = f"{grid.width} x {grid.height} cells of {head.stride} x {head.stride} pixels"
            raise layer.section.error(f"predicts on {cells}, for a picture of {picture.width} x {picture.height}")


def _check_nothing_reads_predictions(layers: Sequence[Layer]) -> None:
    """Raise the error of a layer that goes on from a prediction: here its channels are not in Darknet's order."""
    reader = {layer.reads[0]: layer.number for layer in layers if isinstance(layer.head, AnchorHead)}
    for layer in layers:
        for number in layer.reads:
            if number >= 0 and (layers[number].head or reader.get(number, layer.number) != layer.number):
                raise layer.section.error(f"reads layer {number}, which is a prediction; nothing can go on from it")
