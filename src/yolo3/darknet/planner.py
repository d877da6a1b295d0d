"""From the sections of a cfg to the layers of a network, checked before any memory is allocated for them."""

import math
from collections.abc import Callable, Sequence

from yolo3.darknet import layer_builders, yolov1_builders
from yolo3.darknet.cfg import Section
from yolo3.darknet.layer_plan import AnchorHead, CfgOptions, LayerPlan, MapShape, SectionContext
from yolo3.darknet.yolov1_layers import GridHead

_MOST_FLOATS = 300_000_000  # of all weights: 1.2 GB; the largest network of the YOLO papers has 272 million
_LARGEST_MAP = 1 << 27  # floats in one layer's output for one image: 512 MB
_MOST_OPERATIONS = 10**13  # for one image: YOLOv3 at 5,000 x 5,000
_LARGEST_STRIDE = 1 << 16

_BUILDERS: dict[str, Callable[[SectionContext], LayerPlan]] = {
    "convolutional": layer_builders.convolutional,
    "shortcut": layer_builders.shortcut,
    "route": layer_builders.route,
    "scale_channels": layer_builders.scale_channels,
    "upsample": layer_builders.upsample,
    "maxpool": layer_builders.maxpool,
    "avgpool": layer_builders.avgpool,
    "softmax": layer_builders.softmax,
    "dropout": layer_builders.dropout,
    "yolo": layer_builders.yolo,
    "crop": yolov1_builders.crop,
    "local": yolov1_builders.local,
    "connected": yolov1_builders.connected,
    "detection": yolov1_builders.detection,
}


def plan_layers(sections: Sequence[Section], options: CfgOptions) -> tuple[LayerPlan, ...]:
    """The layers of a cfg.

    Args:
        sections: Sections of the cfg, ``[net]`` first.
        options: How to read it where programs differ.

    Raises:
        DarknetError: A layer that does not fit those it reads, heads that do not fit together, an absurdly large
            network or one without predictions, an image that is not a whole number of cells.
    """
    net, *rest = sections
    image = MapShape(
        net.integer("channels", 3, at_least=1), net.integer("height", at_least=1), net.integer("width", at_least=1)
    )
    _check_map(net, image)
    layers: list[LayerPlan] = []
    floats = 0
    operations = 0
    stride = 1
    one_size = any(section.kind == "detection" for section in rest)
    for number, section in enumerate(rest):
        layer = _BUILDERS[section.kind](SectionContext(section, number, layers, image, options))
        _check_map(section, layer.output)
        floats += layer.floats
        operations += layer.operations
        if floats > _MOST_FLOATS:
            raise section.error(f"brings the weights to {floats:,}; {_MOST_FLOATS:,} is the limit")
        if operations > _MOST_OPERATIONS:
            raise section.error(f"brings the operations per image to {operations:,}; {_MOST_OPERATIONS:,} is the limit")
        layers.append(layer)
        stride = math.lcm(stride, coarsest_stride([layer]))
        if not one_size and (image.height % stride or image.width % stride):  # before it shows as maps that differ
            raise net.error(f"width={image.width}, height={image.height} must be multiples of {stride}")
    _check_heads(net, layers)
    _check_grids(image, layers)
    _check_nothing_reads_predictions(layers)
    return tuple(layers)


def coarsest_stride(layers: Sequence[LayerPlan]) -> int:
    """Pixels that the height and width of an input must be multiples of, so that every map has whole cells only."""
    return math.lcm(*(pixels.numerator for layer in layers for pixels in layer.output.stride))


def _check_map(section: Section, map_: MapShape) -> None:
    """Raise the error for a map that is empty, or absurdly large or coarse."""
    if min(map_.channels, map_.height, map_.width) < 1:
        raise section.error("has no output: its window is larger than the map before it")
    if map_.floats > _LARGEST_MAP:
        raise section.error(f"gives {map_.floats:,} values for one image; {_LARGEST_MAP:,} is the limit")
    if any(max(pixels.numerator, pixels.denominator) > _LARGEST_STRIDE for pixels in map_.stride):
        raise section.error(f"makes a stride of more than {_LARGEST_STRIDE:,}")


def _check_heads(net: Section, layers: Sequence[LayerPlan]) -> None:
    """Raise the error for heads that are missing or do not go together."""
    predictions = [(layer.section, layer.head) for layer in layers if layer.head is not None]
    if not predictions:
        raise net.error("is followed by neither [yolo] nor [detection]; a detector needs one")
    _, first = predictions[0]
    for section, head in predictions[1:]:
        if isinstance(head, GridHead) or isinstance(first, GridHead):
            raise section.error("is a second head; a [detection] must be the only one")
        if head.num_classes != first.num_classes:
            raise section.error(f"is {head.num_classes}, another head has {first.num_classes}", "classes")


def _check_grids(image: MapShape, layers: Sequence[LayerPlan]) -> None:
    """Raise the error for a head whose grid does not cover the image exactly: some layer cuts or adds a border."""
    for layer in layers:
        grid = layer.output
        head = layer.head
        if isinstance(head, AnchorHead) and (grid.height, grid.width) != (
            image.height // head.stride,
            image.width // head.stride,
        ):
            cells = f"{grid.width} x {grid.height} cells of {head.stride} x {head.stride} pixels"
            raise layer.section.error(f"predicts on {cells}, for an image of {image.width} x {image.height}")


def _check_nothing_reads_predictions(layers: Sequence[LayerPlan]) -> None:
    """Raise the error for a layer that continues from a prediction, whose channels are not in Darknet's order here."""
    reader = {layer.reads[0]: layer.number for layer in layers if isinstance(layer.head, AnchorHead)}
    for layer in layers:
        for number in layer.reads:
            if number >= 0 and (layers[number].head or reader.get(number, layer.number) != layer.number):
                raise layer.section.error(f"reads layer {number}, which is a prediction; no layer can continue from it")
