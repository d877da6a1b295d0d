"""Boxes on pictures, curves on charts. Knows pixels and numbers only, so that any noun can be drawn with it."""

import colorsys
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from yolo3.images import ImageError, as_rgb, read_pixels
from yolo3.system.extras import not_installed
from yolo3.system.fonts import Font, font_for, save_figure

Picture = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8]
"""A file, a PIL image, or (H, W, 3) uint8 RGB."""
Colour = tuple[int, int, int]
Box = Sequence[float]
"""xyxy, pixels of the picture."""
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
    picture: Picture, boxes: Sequence[Box], captions: Sequence[str], labels: Sequence[int], style: Style = Style()
) -> Image.Image:
    """A copy of a picture with boxes on it, each in the colour of its class with its caption above it.

    Lines and letters grow with the picture, and are smaller at small objects. Every caption stays inside the picture.
    The first box is drawn last, on top.

    Args:
        picture: a file is read as RGB, upright as its EXIF orientation says; an image or array is taken as it is.
        boxes: xyxy, pixels of the picture.
        captions: one a box; an empty one draws no label.
        labels: the class number of each box, which chooses its colour.
        style: The width of lines, and whether captions are drawn.

    Returns:
        An RGB image of the picture's size.

    Raises:
        ValueError: a picture that is none of these, such as a tensor; a box that is not finite.
    """
    canvas = _rgb(picture)
    pen = ImageDraw.Draw(canvas)
    with_captions = style.captions and len(boxes) <= style.max_captions
    marks = []
    for number, (box, label) in reversed(list(enumerate(zip(boxes, labels, strict=True)))):
        if not all(map(math.isfinite, box)):
            raise ValueError(f"box {number} is {[float(edge) for edge in box]}; only finite boxes can be drawn")
        line, size = _sizes(box, canvas.size, style.line_width)
        left, top, right, bottom = _on_canvas(box, canvas.size, line)
        pen.rectangle((left, top, right, bottom), outline=class_colour(label), width=line)
        marks.append(((left, top), size))
    for (corner, size), caption, label in zip(marks, reversed(captions), reversed(labels), strict=True):
        if caption and with_captions:  # after all boxes: no line crosses a label
            _draw_label(pen, canvas.size, corner, caption, class_colour(label), font_for(caption, size))
    return canvas


def class_colour(label: int) -> Colour:
    """A bright colour for a class number; neighbours lie far apart on the colour circle."""
    golden_ratio = (math.sqrt(5) - 1) / 2  # multiples of it, modulo 1, never fall close together
    red, green, blue = colorsys.hsv_to_rgb((0.02 + label * golden_ratio) % 1, 0.85, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_curves(
    path: Path | str,
    epochs: Sequence[float],
    losses: Mapping[str, Sequence[float]],
    scores: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Write a chart of a training run to a PNG: losses on the left, scores such as AP on the right.

    Args:
        path: of the file; its format is its suffix.
        epochs: the x of every value.
        losses: name -> one value an epoch, NaN where there is none; the scale is logarithmic where all are positive.
        scores: name -> values in [0, 1], likewise.

    Raises:
        ValueError: a curve of another length than ``epochs``.
        ModuleNotFoundError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # the Figure itself: pyplot would keep state and look for a display
        from matplotlib.ticker import MaxNLocator
    except ModuleNotFoundError as missing:
        raise not_installed("charts need", "matplotlib", "train") from missing
    panels = [("loss", losses)] + ([("score", scores)] if scores else [])
    figure = Figure(figsize=(6 * len(panels), 4.5), dpi=120, layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        drawn = []
        for name, values in curves.items():
            if len(values) != len(epochs):
                raise ValueError(f"curve {name!r} has {len(values)} values for {len(epochs)} epochs")
            points = [(x, y) for x, y in zip(epochs, values, strict=True) if math.isfinite(y)]
            drawn += [y for _, y in points]
            axes.plot(
                *zip(*points, strict=True) if points else ([], []), label=name, marker="." if len(points) < 30 else ""
            )
        if title == "score":
            axes.set_ylim(0, 1)
        elif drawn and min(drawn) > 0:
            axes.set_yscale("log")
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3, which="both")
        if curves:
            axes.legend()
    save_figure(figure, path)


def _rgb(picture: Picture) -> Image.Image:
    """A copy that can be drawn on."""
    if isinstance(picture, Image.Image):
        return as_rgb(picture)
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8:
        drawn = Image.fromarray(picture)  # a copy already
        return drawn if drawn.mode == "RGB" else as_rgb(drawn)
    if not isinstance(picture, str | os.PathLike):
        raise ValueError(
            f"a picture to draw on is a file, a PIL image or (H, W, 3) uint8 RGB, not a {type(picture).__name__}"
            f"{f' of {picture.dtype}' if isinstance(picture, np.ndarray) else ''}"
        )
    try:
        pixels, _ = read_pixels(picture)
    except ImageError as error:
        raise ValueError(f"{picture}: {error}") from error
    return Image.fromarray(pixels)


def _sizes(box: Box, canvas: tuple[int, int], line_width: int | None) -> tuple[int, int]:
    """The width of a box's line and the size of its letters, pixels; both smaller at small objects."""
    diagonal = math.hypot(*canvas)
    side = math.sqrt(max(0, box[2] - box[0]) * max(0, box[3] - box[1]))  # of a square as large as the object
    line = min(max(2, round(diagonal / 400)), max(1, min(2, round(side / 4)), round(side / 12)))
    letters = min(max(11, round(diagonal / 55)), max(_SMALLEST_LETTERS, round(side / 4)))
    return line if line_width is None else line_width, letters


def _on_canvas(box: Box, canvas: tuple[int, int], line: int) -> tuple[int, int, int, int]:
    """Whole pixels, as Pillow can draw them; what lies far outside is drawn just outside."""
    beyond = line + 1
    far_side = (canvas[0], canvas[1], canvas[0], canvas[1])
    left, top, right, bottom = (
        round(min(max(edge, -beyond), length + beyond)) for edge, length in zip(box, far_side, strict=True)
    )
    return left, top, max(left, right), max(top, bottom)  # Pillow refuses a far edge before the near one


def _draw_label(
    pen: ImageDraw.ImageDraw,
    size: tuple[int, int],
    corner: tuple[int, int],
    caption: str,
    colour: Colour,
    font: Font,
) -> None:
    """A caption on a ground of the colour: above the corner where there is room, else below it."""
    left, top, right, bottom = pen.textbbox((0, 0), caption, font=font)
    margin = max(1, round((bottom - top) / 6))
    width, height = math.ceil(right - left) + 2 * margin, math.ceil(bottom - top) + 2 * margin
    x = max(0, min(corner[0], size[0] - width))
    y = corner[1] - height if corner[1] >= height else corner[1]
    y = max(0, min(y, size[1] - height))
    pen.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    pen.text((x + margin - left, y + margin - top), caption, fill="black" if luminance > 128 else "white", font=font)
