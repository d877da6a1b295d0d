"""From the sections of a cfg to the layers of a network, checked before any memory is allocated for them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from yolo3.darknet import head_builders, joining_builders, layer_builders, yolov1_builders
from yolo3.darknet.cfg import Section
from yolo3.darknet.heads import AnchorHead
from yolo3.darknet.layer_plan import CfgOptions, LayerPlan, MapShape, SectionContext

_MOST_FLOATS = 300_000_000  # of all weights: 1.2 GB; the largest network of the YOLO papers has 272 million
_LARGEST_MAP = 1 << 28  # floats in one layer's output for one image: 1 GB
_MOST_OPERATIONS = 10**13  # for one image: YOLOv3 at 5,000 x 5,000
_LARGEST_STRIDE = 1 << 16

_HEADS = ("yolo", "Gaussian_yolo", "region", "detection")

_BUILDERS: Mapping[str, Callable[[SectionContext], LayerPlan]] = {
    "convolutional": layer_builders.convolutional,
    "maxpool": layer_builders.maxpool,
    "local_avgpool": layer_builders.local_avgpool,
    "avgpool": layer_builders.avgpool,
    "upsample": layer_builders.upsample,
    "reorg": layer_builders.reorg,
    "reorg3d": layer_builders.reorg3d,
    "batchnorm": layer_builders.batchnorm,
    "softmax": layer_builders.softmax,
    "dropout": layer_builders.dropout,
    "cost": layer_builders.without_effect,
    "contrastive": layer_builders.without_effect,
    "shortcut": joining_builders.shortcut,
    "route": joining_builders.route,
    "scale_channels": joining_builders.scale_channels,
    "sam": joining_builders.sam,
    "implicit": joining_builders.implicit,
    "implicit_add": joining_builders.implicit,
    "implicit_mul": joining_builders.implicit,
    "shift_channels": joining_builders.shift_channels,
    "control_channels": joining_builders.control_channels,
    "yolo": head_builders.yolo,
    "Gaussian_yolo": head_builders.gaussian_yolo,
    "region": head_builders.region,
    "crop": yolov1_builders.crop,
    "local": yolov1_builders.local,
    "connected": yolov1_builders.connected,
    "detection": yolov1_builders.detection,
}


def plan_layers(sections: Sequence[Section], options: CfgOptions, whole_cells: bool = False) -> tuple[LayerPlan, ...]:
    """The layers of a cfg.

    Args:
        sections: Sections of the cfg, ``[net]`` first.
        options: How to read it where programs differ.
        whole_cells: Whether the image must be a whole number of cells for every layer.

    Raises:
        DarknetError: A layer that does not fit those it reads, an absurdly large network, an image that is not a whole
            number of cells.
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
        if whole_cells and (image.height % stride or image.width % stride):  # before it shows as maps that differ
            raise net.error(f"width={image.width}, height={image.height} must be multiples of {stride}")
    return tuple(layers)


def plan_detector(sections: Sequence[Section], options: CfgOptions) -> tuple[LayerPlan, ...]:
    """The layers of a cfg with heads.

    Raises:
        DarknetError: As `plan_layers`, and for heads that are missing or do not fit together.
    """
    net, *rest = sections
    _check_is_detector(net, rest)
    takes_one_size = any(section.kind == "detection" for section in rest)
    layers = plan_layers(sections, options, whole_cells=not takes_one_size)
    _check_heads(layers)
    _check_grids(net, layers)
    _check_nothing_reads_predictions(layers)
    return _with_logits(layers)


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


def _check_is_detector(net: Section, sections: Sequence[Section]) -> None:
    """Raise the error for a cfg without a head."""
    if any(section.kind in _HEADS for section in sections):
        return
    if sections and sections[-1].kind in ("softmax", "cost", "avgpool", "connected"):
        raise net.error(
            "begins a classifier, not a detector; open it with DarknetClassifier, or as a backbone with DarknetBackbone"
        )
    raise net.error("is followed by no [yolo], [region] or [detection]; a detector needs one")


def _check_heads(layers: Sequence[LayerPlan]) -> None:
    """Raise the error for heads that do not go together."""
    predictions = [(layer.section, layer.head) for layer in layers if layer.head is not None]
    single = ("detection", "region")
    first_section, first = predictions[0]
    for section, head in predictions[1:]:
        for one in (first_section, section):
            if one.kind in single:
                raise section.error(f"is a second head; a [{one.kind}] must be the only one")
        assert isinstance(first, AnchorHead)
        assert isinstance(head, AnchorHead)
        if head.num_classes != first.num_classes:
            raise section.error(f"is {head.num_classes}, another head has {first.num_classes}", "classes")
        if head.size_decoding != first.size_decoding:
            raise section.error("must be equal for all heads", "new_coords")
    for layer in layers:
        if isinstance(layer.head, AnchorHead) and layer.head.channels.num_fused not in (0, len(predictions)):
            text = f"names {layer.head.channels.num_fused} layers; there are {len(predictions)} [yolo]"
            raise layer.section.error(text, "from")


def _check_grids(net: Section, layers: Sequence[LayerPlan]) -> None:
    """Raise the error for a head whose grid does not cover the image exactly: some layer cuts or adds a border."""
    height = net.integer("height")
    width = net.integer("width")
    for layer in layers:
        grid = layer.output
        head = layer.head
        if isinstance(head, AnchorHead) and (grid.height, grid.width) != (height // head.stride, width // head.stride):
            cells = f"{grid.width} x {grid.height} cells of {head.stride} x {head.stride} pixels"
            raise layer.section.error(f"predicts on {cells}, for an image of {width} x {height}")


def _check_nothing_reads_predictions(layers: Sequence[LayerPlan]) -> None:
    """Raise the error for a layer that continues from a prediction, whose channels are not in Darknet's order here."""
    heads = {layer.number for layer in layers if layer.head is not None}
    raw = {number for layer in layers if isinstance(layer.head, AnchorHead) for number in layer.head.predicted_by}
    for layer in layers:
        forbidden = heads if layer.number in heads else heads | raw
        found = forbidden.intersection(layer.reads)
        if found and layer.section.kind in head_builders.CHANNEL_BY_CHANNEL and not found & heads:
            raw.add(layer.number)  # the prediction, or something like it
        elif found:
            text = f"reads layer {min(found)}, which is a prediction; no layer can continue from it"
            raise layer.section.error(text)


def _with_logits(layers: Sequence[LayerPlan]) -> tuple[LayerPlan, ...]:
    """The same layers, where those that predict for a head with ``new_coords`` give logits.

    There the convolution has a logistic activation. Here the decoding applies it, as for every other head, so that
    losses see logits.
    """
    heads = [layer.head for layer in layers if isinstance(layer.head, AnchorHead)]
    numbers = {head.predicted_by[0] for head in heads if head.size_decoding == "sigmoid"}
    return tuple(_linear(layer) if layer.number in numbers else layer for layer in layers)


def _linear(layer: LayerPlan) -> LayerPlan:
    """A convolution without its activation."""
    assert isinstance(layer.build, partial)
    return replace(layer, build=partial(layer.build, activation="linear"))
