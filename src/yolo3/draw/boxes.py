"""Boxes on images. Knows pixels and numbers only, so that any noun can be drawn with it."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from yolo3.draw.colours import Colour, class_colour, ink_on
from yolo3.draw.labels import place_labels
from yolo3.images import ImageArray, ImageError, as_rgb, read_pixels, to_view
from yolo3.images.depth import in_unit_range
from yolo3.system.fonts import Font, font_for

Drawable = str | os.PathLike[str] | Image.Image | ImageArray
"""An image to draw on: a file, a PIL image, or an (H, W, C) or (H, W) array, uint8, uint16, or float32 in [0, 1].

Of three channels and more the first three are drawn as red, green and blue, else the first one as grey."""
_SMALLEST_LETTERS = 9  # pixels; smaller ones cannot be read


@dataclass(frozen=True)
class Style:
    """How boxes are drawn.

    Raises:
        ValueError: A line width below 1, a number of captions below 0.
    """

    line_width: int | None = None
    """Pixels. None grows with the image, and is thinner at small objects."""
    captions: bool = True
    """Whether the class and score of an object stand at its box."""
    max_captions: int = 100
    """No captions where there are more boxes than this: they would hide the objects."""

    def __post_init__(self) -> None:
        if self.line_width is not None and self.line_width < 1:
            raise ValueError(f"line_width is {self.line_width}; it must be at least 1")
        if self.max_captions < 0:
            raise ValueError(f"max_captions is {self.max_captions}; it must be at least 0")


def draw_boxes(
    image: Drawable,
    boxes: Sequence[Sequence[float]],
    captions: Sequence[str],
    labels: Sequence[int],
    style: Style = Style(),
) -> Image.Image:
    """A copy of an image with boxes on it, each in the colour of its class with its caption above it.

    Lines and letters grow with the image, and are smaller at small objects. Every caption stays inside the image, and
    off those of better boxes where there is room. The first box is drawn last, on top.

    Args:
        image: File, PIL image or array. A file is read as RGB and turned upright by its EXIF orientation; an image or
            array is used as is.
        boxes: Bounding boxes, xyxy in pixels of the image.
        captions: One caption per box; an empty one draws no label.
        labels: Class number of each box, which chooses its colour.
        style: Width of lines, and whether captions are drawn.

    Returns:
        An RGB image of the same size.

    Raises:
        ValueError: An image of another type, such as a tensor; a box that is not finite.
    """
    canvas = _rgb(image)
    pen = ImageDraw.Draw(canvas)
    lines = []
    for number, (box, label) in reversed(list(enumerate(zip(boxes, labels, strict=True)))):
        if not all(map(math.isfinite, box)):
            raise ValueError(f"box {number} is {[float(edge) for edge in box]}; only finite boxes can be drawn")
        line, letters = _sizes(box, canvas.size, style.line_width)
        edges = _on_canvas(box, canvas.size, line)
        pen.rectangle(edges, outline=class_colour(label), width=line)
        lines.append((edges, letters))
    if style.captions and len(boxes) <= style.max_captions:
        marks = [
            _measured(pen, caption, letters, edges, label)
            for (edges, letters), caption, label in zip(reversed(lines), captions, labels, strict=True)
            if caption
        ]
        places = place_labels([mark.size for mark in marks], [mark.box for mark in marks], canvas.size)
        for mark, place in reversed(list(zip(marks, places, strict=True))):  # after all boxes: no line crosses a label
            _draw_label(pen, mark, place)
    return canvas


def _rgb(image: Drawable) -> Image.Image:
    """A copy that can be drawn on."""
    if isinstance(image, Image.Image):
        return as_rgb(image)
    if isinstance(image, np.ndarray) and image.ndim in (2, 3) and image.dtype in (np.uint8, np.uint16, np.float32):
        pixels = in_unit_range(image) if image.dtype == np.uint16 else image
        return Image.fromarray(to_view(pixels)).copy()
    if not isinstance(image, str | os.PathLike):
        raise ValueError(
            f"an image to draw on is a file, a PIL image or an (H, W, C) array of uint8, uint16 or float32, not "
            f"a {type(image).__name__}"
            f"{f' of {image.dtype}' if isinstance(image, np.ndarray) else ''}"
        )
    try:
        pixels, _ = read_pixels(image)
    except ImageError as error:
        raise ValueError(f"{image}: {error}") from error
    return Image.fromarray(pixels)


def _sizes(box: Sequence[float], canvas: tuple[int, int], line_width: int | None) -> tuple[int, int]:
    """The width of a box's line and the size of its letters, pixels; both smaller at small objects."""
    diagonal = math.hypot(*canvas)
    side = math.sqrt(max(0, box[2] - box[0]) * max(0, box[3] - box[1]))  # of a square as large as the object
    line = min(max(2, round(diagonal / 400)), max(1, min(2, round(side / 4)), round(side / 12)))
    letters = min(max(11, round(diagonal / 55)), max(_SMALLEST_LETTERS, round(side / 4)))
    return line if line_width is None else line_width, letters


def _on_canvas(box: Sequence[float], canvas: tuple[int, int], line: int) -> tuple[int, int, int, int]:
    """Whole pixels, as Pillow can draw them; what lies far outside is drawn just outside."""
    beyond = line + 1
    far_side = (canvas[0], canvas[1], canvas[0], canvas[1])
    left, top, right, bottom = (
        round(min(max(edge, -beyond), length + beyond)) for edge, length in zip(box, far_side, strict=True)
    )
    return left, top, max(left, right), max(top, bottom)  # Pillow refuses a far edge before the near one


@dataclass(frozen=True)
class _Mark:
    """A caption that is measured and not placed yet."""

    text: str
    font: Font
    size: tuple[int, int]
    """Width and height of its ground, pixels."""
    start: tuple[float, float]
    """Position of the text on its ground, pixels."""
    box: tuple[int, int, int, int]
    """Box that it belongs to."""
    colour: Colour


def _measured(
    pen: ImageDraw.ImageDraw, caption: str, letters: int, box: tuple[int, int, int, int], label: int
) -> _Mark:
    font = font_for(caption, letters)
    left, top, right, bottom = pen.textbbox((0, 0), caption, font=font)
    margin = max(1, round((bottom - top) / 6))
    size = math.ceil(right - left) + 2 * margin, math.ceil(bottom - top) + 2 * margin
    return _Mark(caption, font, size, (margin - left, margin - top), box, class_colour(label))


def _draw_label(pen: ImageDraw.ImageDraw, mark: _Mark, place: tuple[int, int]) -> None:
    """A caption on a ground of the colour of its class."""
    x, y = place
    width, height = mark.size
    pen.rectangle((x, y, x + width - 1, y + height - 1), fill=mark.colour)
    pen.text((x + mark.start[0], y + mark.start[1]), mark.text, fill=ink_on(mark.colour), font=mark.font)
