"""How the sections that predict boxes from anchors become layers; see `layer_builders`."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial

from torch import nn

from yolo3.darknet.cfg import Section
from yolo3.darknet.heads import AnchorHead, FusedPrediction, GaussianPrediction, Prediction, PredictionChannels
from yolo3.darknet.joining_builders import IMPLICIT_KINDS
from yolo3.darknet.layer_plan import LayerPlan, MapShape, SectionContext, listed

CHANNEL_BY_CHANNEL = ("dropout", "shortcut", "scale_channels", "shift_channels", "control_channels")
"""Sections that may stand between a head and its convolution: the last four only with a learned vector."""


def yolo(context: SectionContext) -> LayerPlan:
    """``[yolo]``, which reads the predictions of the convolution before it, or fuses those that ``from`` names."""
    if "from" in context.section.values:
        return _fused(context)
    channels = _channels(context)
    new_coords = context.section.flag("new_coords")
    activation = "logistic" if new_coords else "linear"
    predicted_by = _predicted_by(context, context.number - 1, channels, activation)
    if new_coords and len(predicted_by) > 1:
        raise context.section.error("cannot read predictions that a learned vector has changed", "new_coords")
    head = _yolo_head(context, context.before, channels, predicted_by)
    return _head_layer(context, head, partial(Prediction, channels.num_anchors))


def gaussian_yolo(context: SectionContext) -> LayerPlan:
    """``[Gaussian_yolo]``."""
    point = context.section.text("yolo_point", "center")
    if point != "center":
        raise context.section.error("is not supported; only center is", "yolo_point")
    channels = _channels(context, has_uncertainties=True)
    predicted_by = _predicted_by(context, context.number - 1, channels, "linear")
    head = _yolo_head(context, context.before, channels, predicted_by)
    return _head_layer(context, head, partial(GaussianPrediction, channels.num_anchors))


def region(context: SectionContext) -> LayerPlan:
    """``[region]``, the head of YOLOv2, whose anchors are in cells."""
    section = context.section
    if "tree" in section.values:
        raise section.error(
            "makes a YOLOv2 tree (YOLO9000): its classes form a hierarchy, which is not supported", "tree"
        )
    if section.integer("coords", 4) != 4:
        raise section.error("is not supported; only 4 is", "coords")
    num_anchors = section.integer("num", 1, at_least=1)
    channels = PredictionChannels(num_anchors, section.integer("classes", 20, at_least=1))
    stride = _stride(section, context.before)
    anchors = _anchor_pairs(section, num_anchors)[:num_anchors]
    head = AnchorHead(
        tuple((width * stride, height * stride) for width, height in anchors),
        stride,
        channels,
        _predicted_by(context, context.number - 1, channels, "linear"),
        class_activation="softmax" if section.flag("softmax") else "sigmoid",
    )
    return _head_layer(context, head, partial(Prediction, num_anchors))


def _fused(context: SectionContext) -> LayerPlan:
    """``[yolo]`` with ``from``: adaptive spatial feature fusion of the raw predictions of all scales."""
    section = context.section
    numbers = context.named_layers("from")
    if section.flag("new_coords"):
        raise section.error("cannot be combined with from=", "new_coords")
    scale = sum(layer.section.kind == "yolo" for layer in context.layers)
    if scale >= len(numbers):
        raise section.error(f"names {len(numbers)} layers, but this is [yolo] number {scale + 1}", "from")
    channels = _channels(context, num_fused=len(numbers))
    for number in numbers:
        _predicted_by(context, number, channels, "linear")  # raises the error for one that does not fit
    predicted_by = _predicted_by(context, numbers[scale], channels, "linear")
    head = _yolo_head(context, context.map(numbers[scale]), channels, predicted_by)
    build = partial(FusedPrediction, channels.num_anchors, len(numbers), scale)
    return _head_layer(context, head, build, reads=numbers, read=numbers[scale])


def _head_layer(
    context: SectionContext,
    head: AnchorHead,
    build: Callable[[], nn.Module],
    reads: tuple[int, ...] | None = None,
    read: int | None = None,
) -> LayerPlan:
    """The layer of a head, whose output has the size of the map that it reads."""
    if read is None:
        read = context.number - 1
    output = context.map(read)._replace(channels=head.channels.num_predictions)
    detail = "" if reads is None else listed(reads)
    return context.layer(output, build, reads=reads, head=head, detail=detail)


def _channels(context: SectionContext, has_uncertainties: bool = False, num_fused: int = 0) -> PredictionChannels:
    """The channels of the prediction that a ``[yolo]`` or ``[Gaussian_yolo]`` reads."""
    classes = context.section.integer("classes", 20, at_least=1)
    return PredictionChannels(len(_mask(context.section)), classes, has_uncertainties, num_fused)


def _yolo_head(
    context: SectionContext, before: MapShape, channels: PredictionChannels, predicted_by: tuple[int, ...]
) -> AnchorHead:
    section = context.section
    mask = _mask(section)
    pairs = _anchor_pairs(section, section.integer("num", 1))
    xy_scale = section.number("scale_x_y", 1.0)
    if not 0.1 <= xy_scale <= 10:
        raise section.error("must lie between 0.1 and 10", "scale_x_y")
    return AnchorHead(
        tuple(pairs[index] for index in mask),
        _stride(section, before),
        channels,
        predicted_by,
        xy_scale,
        "sigmoid" if section.flag("new_coords") else "exp",
    )


def _mask(section: Section) -> tuple[int, ...]:
    """Indices of a head's own anchors among those of its list."""
    num = section.integer("num", 1, at_least=1)
    if "mask" not in section.values:
        _anchor_pairs(section, num)  # an absurd number is an error here, before it takes memory
    mask = section.integers("mask", tuple(range(num)), at_least=0)
    if max(mask) >= num:
        raise section.error(f"chooses anchor {max(mask)}; num={num} has 0 to {num - 1}", "mask")
    return mask


def _anchor_pairs(section: Section, num: int) -> list[tuple[float, float]]:
    """(width, height) of every anchor in the list, as written."""
    edges = section.numbers("anchors")
    if len(edges) % 2 or len(edges) < 2 * num:
        raise section.error(f"must be num={num} pairs of width, height; there are {len(edges)} numbers", "anchors")
    if not all(0 < edge < 1e6 for edge in edges):
        raise section.error("must be positive", "anchors")
    return list(zip(edges[::2], edges[1::2], strict=True))


def _stride(section: Section, x: MapShape) -> int:
    """Pixels per cell of a map that a head reads."""
    down, right = x.stride
    if down != right or Fraction(down).denominator > 1:
        raise section.error(f"predicts on cells of {right} x {down} pixels; they must be square and whole")
    return int(down)


def _predicted_by(
    context: SectionContext, number: int, channels: PredictionChannels, activation: str
) -> tuple[int, ...]:
    """The convolution whose output a head reads, and the learned vectors that were added to it or multiplied with it.

    Raises:
        DarknetError: Another layer, or one that does not have the channels and the activation that the head needs.
    """
    kind = context.section.kind
    vectors: list[int] = []
    while number >= 0 and context.layers[number].section.kind in CHANNEL_BY_CHANNEL:
        before, *others = context.layers[number].reads
        if any(context.layers[other].section.kind not in IMPLICIT_KINDS for other in others):
            break
        vectors += others
        number = before
    layer = context.layers[number] if number >= 0 else None
    if layer is None or layer.section.kind != "convolutional":
        raise context.section.error("must follow a [convolutional]")
    convolution = layer.section
    if convolution.text("activation", "logistic") != activation:
        raise convolution.error(_wrong_activation(kind, activation), "activation")
    if convolution.integer("groups", 1) > 1 or len(convolution.integers("size", (1,))) > 1:
        raise convolution.error(f"before a [{kind}] can have neither groups nor mixed kernels")
    if layer.output.channels != channels.count():
        text = f"must be {channels.count()} for the [{kind}] in line {context.section.line}"
        raise convolution.error(f"{text}: {_parts(channels)}", "filters")
    return number, *vectors


def _wrong_activation(kind: str, activation: str) -> str:
    if activation == "logistic":
        return f"before a [{kind}] with new_coords=1 must be logistic"
    return f"before a [{kind}] must be linear: the head has its own sigmoid"


def _parts(channels: PredictionChannels) -> str:
    """What a prediction consists of, as text."""
    parts: Sequence[str] = [f"{channels.num_anchors} anchors and {channels.num_classes} classes"]
    if channels.num_fused:
        parts = [*parts, f"and one weight for each of {channels.num_fused} scales"]
    return ", ".join(parts)
