"""Images, grids, boxes and maps as SVG, in pixels of the network input."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image
from torch import Tensor

from yolo3.draw import class_colour, hexadecimal, ink_on
from yolo3.explain.values import Box, ExplainedObject, PredictionExplanation, ScaleMaps, SlotPrediction
from yolo3.images import to_view

_COLD_TO_HOT = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
"""Colours of a map from 0 to 1: dark to bright, in an order that colour-blind readers see too (viridis)."""
_WIDEST = 6.0  # times its box: how much of the image the drawing of one prediction shows at most
_CONTEXT = 1.5  # times its box, normally


def network_image(explanation: PredictionExplanation) -> str:
    """The network input as an SVG symbol with the id ``input``, which every drawing of the page uses."""
    pixels = to_view(explanation.network_input.permute(1, 2, 0).numpy())
    rows, columns, _ = pixels.shape
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=88)
    uri = f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
    image = f'<image href="{uri}" width="{columns}" height="{rows}"/>'
    return f'<svg width="0" height="0" aria-hidden="true"><symbol id="input">{image}</symbol></svg>'


def overview(explanation: PredictionExplanation) -> str:
    """The network input with its letterbox, the detections by number, and the objects of the ground truth."""
    predictions = [each.prediction for each in explanation.detections]
    parts = [_input(explanation), _letterbox(explanation)]
    parts += [_box(each.network_box, "truth") for each in explanation.objects or ()]
    parts += [_coloured_box(each) for each in reversed(predictions)]
    parts += [_tag(each, str(number)) for number, each in reversed(list(enumerate(predictions)))]
    return _svg(_whole(explanation), parts, "the network input with its detections")


def grid(explanation: PredictionExplanation, number: int) -> str:
    """The grid of a scale, with the cells that detections come from, and the anchors in them."""
    scale = explanation.scales[number]
    predictions = [
        (name, each.prediction)
        for name, each in enumerate(explanation.detections)
        if each.prediction.slot.scale == number
    ]
    rows, columns = scale.grid
    height, width = rows * scale.stride, columns * scale.stride
    lines = [f"M{column * scale.stride} 0V{height}" for column in range(columns + 1)]
    lines += [f"M0 {row * scale.stride}H{width}" for row in range(rows + 1)]
    parts = [_input(explanation), f'<path class="grid" d="{"".join(lines)}"/>']
    for _, each in predictions:
        parts += [_cell(each), _anchor(each)]
    parts += [_tag(each, str(name), each.slot.cell) for name, each in predictions]
    return _svg(_whole(explanation), parts, f"the grid of stride {scale.stride}")


def heat_map(explanation: PredictionExplanation, scale: ScaleMaps, values: Tensor, what: str) -> str:
    """A map of one scale over the image, each cell in the colour of its value from 0 to 1."""
    rows, columns = scale.grid
    share = values.clamp(0, 1).numpy()
    steps = np.linspace(0, 1, len(_COLD_TO_HOT))
    channels = [np.interp(share, steps, [colour[channel] for colour in _COLD_TO_HOT]) for channel in range(3)]
    pixels = np.stack([*channels, 255 * (0.35 + 0.5 * share)], axis=-1).round().astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    uri = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
    size = f'width="{columns * scale.stride}" height="{rows * scale.stride}"'
    heat = f'<image class="cells" href="{uri}" {size} preserveAspectRatio="none"/>'
    return _svg(_whole(explanation), [_input(explanation, "grey"), heat], what)


def close_up(
    explanation: PredictionExplanation,
    prediction: SlotPrediction,
    dropped: Sequence[SlotPrediction] = (),
    truth: ExplainedObject | None = None,
) -> str:
    """The region around a prediction: its cell, its anchor, its box, and the boxes that were dropped for it."""
    parts = [_input(explanation)]
    parts += [_box(each.network_box, "dropped") for each in dropped]
    others = [each.network_box for each in dropped]
    if truth is not None:
        parts.append(_box(truth.network_box, "truth"))
        others.append(truth.network_box)
    parts += [_cell(prediction), _anchor(prediction), _coloured_box(prediction)]
    region = _region(explanation, prediction.network_box, [prediction.slot.cell, *others])
    return _svg(region, parts, f"the box of {prediction.of_class.name}, its cell and its anchor")


def colour_key() -> str:
    """A bar from 0 to 1 in the colours of the maps, as a CSS gradient."""
    stops = ", ".join(f"rgb{colour}" for colour in _COLD_TO_HOT)
    return f"linear-gradient(to right, {stops})"


def css_colour(label: int) -> str:
    """The colour of a class."""
    return hexadecimal(class_colour(label))


def _whole(explanation: PredictionExplanation) -> Box:
    height, width = explanation.letterbox.network_size
    return 0.0, 0.0, float(width), float(height)


def _region(explanation: PredictionExplanation, box: Box, others: Sequence[Box]) -> Box:
    """A region around a box and, as far as they are near, others."""
    width, height = max(8.0, box[2] - box[0]), max(8.0, box[3] - box[1])
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    reach = max(width, height) * _WIDEST / 2
    left = max(x - reach, min([x - width * _CONTEXT / 2, *(each[0] - 4 for each in others)]))
    top = max(y - reach, min([y - height * _CONTEXT / 2, *(each[1] - 4 for each in others)]))
    right = min(x + reach, max([x + width * _CONTEXT / 2, *(each[2] + 4 for each in others)]))
    bottom = min(y + reach, max([y + height * _CONTEXT / 2, *(each[3] + 4 for each in others)]))
    _, _, most_right, most_bottom = _whole(explanation)
    return max(-20.0, left), max(-20.0, top), min(most_right + 20, right), min(most_bottom + 20, bottom)


def _svg(region: Box, parts: Sequence[str], label: str) -> str:
    left, top, right, bottom = region
    view = f"{left:.1f} {top:.1f} {right - left:.1f} {bottom - top:.1f}"
    return f'<svg viewBox="{view}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def _input(explanation: PredictionExplanation, kind: str = "") -> str:
    height, width = explanation.letterbox.network_size
    return f'<use class="{kind}" href="#input" width="{width}" height="{height}"/>'


def _letterbox(explanation: PredictionExplanation) -> str:
    top, left = explanation.letterbox.offset
    height, width = explanation.letterbox.content_size
    return f'<rect class="letterbox" x="{left}" y="{top}" width="{width}" height="{height}"/>'


def _rect(box: Box, style: str) -> str:
    left, top, right, bottom = box
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(0.0, right - left):.1f}" '
        f'height="{max(0.0, bottom - top):.1f}" {style}/>'
    )


def _box(box: Box, kind: str) -> str:
    return _rect(box, f'class="{kind}"')


def _coloured_box(prediction: SlotPrediction) -> str:
    label = prediction.of_class.label
    return _rect(prediction.network_box, f'class="box{_halo(label)}" stroke="{css_colour(label)}"')


def _cell(prediction: SlotPrediction) -> str:
    colour = css_colour(prediction.of_class.label)
    return _rect(prediction.slot.cell, f'class="cell" fill="{colour}" stroke="{colour}"')


def _anchor(prediction: SlotPrediction) -> str:
    """The anchor in the middle of its cell."""
    left, top, right, bottom = prediction.slot.cell
    width, height = prediction.slot.anchor_size
    x, y = (left + right) / 2, (top + bottom) / 2
    box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    label = prediction.of_class.label
    return _rect(box, f'class="anchor{_halo(label)}" stroke="{css_colour(label)}"')


def _halo(label: int) -> str:
    """The class of a line in a dark colour, which a white halo makes visible on a dark object."""
    return "" if ink_on(class_colour(label)) == (0, 0, 0) else " dark"


def _tag(prediction: SlotPrediction, text: str, box: Box | None = None) -> str:
    """A number at the corner of a box, inside the input."""
    left, top, _, _ = prediction.network_box if box is None else box
    width = 6 + 7 * len(text)
    x, y = max(0.0, left), max(0.0, top - 14)
    colour = class_colour(prediction.of_class.label)
    return (
        f'<g class="tag"><rect x="{x:.1f}" y="{y:.1f}" width="{width}" height="14" '
        f'fill="{hexadecimal(colour)}"/><text x="{x + 3:.1f}" y="{y + 11:.1f}" fill="{hexadecimal(ink_on(colour))}">'
        f"{escape(text)}</text></g>"
    )
