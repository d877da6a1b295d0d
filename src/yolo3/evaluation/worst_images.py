"""A contact sheet of the images with most errors: missed objects and false detections."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageDraw

from yolo3.data import DataError, read_image
from yolo3.draw import Colour, captioned, contact_sheet, ink_on, place_labels, sheet_width
from yolo3.metrics import Comparison, ImageErrors
from yolo3.system.fonts import Font, font_for

_TILE = (400, 300)  # width, height of an image on the sheet, without its caption
_COLUMNS = 3
_MARGIN = 10
_LINE = 2
_PADDING = 2
_MOST = 12  # boxes of a kind that are drawn on an image: more would hide it
_FALSE, _MISSED, _RIGHT = (213, 94, 0), (240, 228, 66), (86, 180, 233)  # told apart by any colour vision
_LEGEND = (
    ("missed: an object that was not detected", _MISSED),
    ("false: a detection without an object", _FALSE),
    ("correct", _RIGHT),
)


def draw_worst_images(path: Path, comparison: Comparison, worst: Sequence[ImageErrors]) -> bool:
    """Draw images with their errors, and the class name of each.

    Args:
        path: PNG file to write.
        comparison: Comparison that the errors come from; its images are files.
        worst: Errors of each image, in the order of the sheet; images that cannot be read are left out.

    Returns:
        True if it was drawn; False without errors or without a readable image.
    """
    tiles = []
    for errors in worst:
        with suppress(DataError):  # the metrics do not need the images
            tiles.append((errors, _tile(comparison, errors)))
    if not tiles:
        return False
    columns = min(_COLUMNS, len(tiles))
    files = [Path(comparison.images[errors.number]).name for errors, _ in tiles]
    font = font_for("…".join(files), 15)  # a long name has one in its middle
    sheet = []
    for (errors, tile), file in zip(tiles, files, strict=True):
        counts = f": {len(errors.missed)} missed, {len(errors.false)} false{_left_out(errors)}"
        sheet.append(captioned(tile, [(file, counts)], font))
    legend = _legend(sheet_width(_TILE[0], columns, _MARGIN), font)
    contact_sheet(sheet, columns, _MARGIN, legend).save(path, format="PNG")
    return True


def _legend(width: int, font: Font) -> Image.Image:
    """The colour of each kind of box and what it means, a line each."""
    legend = Image.new("RGB", (width, _MARGIN + 24 * len(_LEGEND)), "white")
    pen = ImageDraw.Draw(legend)
    for number, (text, colour) in enumerate(_LEGEND):
        line = _MARGIN + 24 * number
        pen.rectangle((_MARGIN, line, _MARGIN + 16, line + 16), outline=colour, width=3)
        pen.text((_MARGIN + 24, line - 1), text, fill="black", font=font)
    return legend


def _tile(comparison: Comparison, errors: ImageErrors) -> Image.Image:
    """An image at the size of the sheet, its boxes and names."""
    upright = Image.fromarray(read_image(comparison.images[errors.number]))
    scale = min(_TILE[0] / upright.width, _TILE[1] / upright.height)
    size = max(1, round(upright.width * scale)), max(1, round(upright.height * scale))
    tile = upright.resize(size)
    pen, font = ImageDraw.Draw(tile), font_for("".join(comparison.names), 11)
    kinds = (
        (errors.right, comparison.found.xywh, comparison.found.labels, _RIGHT),
        (errors.missed, comparison.truth.xywh, comparison.truth.labels, _MISSED),
        (errors.false, comparison.found.xywh, comparison.found.labels, _FALSE),
    )
    names: list[tuple[str, Colour, tuple[int, int, int, int]]] = []
    for indices, boxes, labels, colour in kinds:
        for index in _shown(indices, comparison, colour):
            left, above, width, height = (boxes[index] * scale).tolist()
            pen.rectangle((left, above, left + width, above + height), outline=colour, width=_LINE)
            if colour != _RIGHT:  # correct detections need no name
                edges = round(left), round(above), round(left + width), round(above + height)
                names.append((comparison.names[labels[index]], colour, edges))
    sizes = []
    for name, _, _ in names:
        _, _, right, bottom = pen.textbbox((0, 0), name, font=font)
        sizes.append((round(right) + 2 * _PADDING, round(bottom) + 2 * _PADDING))
    places = place_labels(sizes, [edges for _, _, edges in names], tile.size)
    for (name, colour, _), (wide, high), (x, y) in zip(names, sizes, places, strict=True):
        pen.rectangle((x, y, x + wide - 1, y + high - 1), fill=colour)
        pen.text((x + _PADDING, y + _PADDING), name, fill=ink_on(colour), font=font)
    return tile


def _shown(indices: Sequence[int], comparison: Comparison, colour: Colour) -> Sequence[int]:
    """The boxes that are drawn: of many false detections the best, of many others the largest."""
    if len(indices) <= _MOST:
        return indices
    if colour == _FALSE:
        return sorted(indices, key=lambda index: -comparison.found.scores[index])[:_MOST]
    xywh = comparison.truth.xywh if colour == _MISSED else comparison.found.xywh
    return sorted(indices, key=lambda index: -xywh[index, 2] * xywh[index, 3])[:_MOST]


def _left_out(errors: ImageErrors) -> str:
    """How many boxes of an image are not drawn."""
    count = sum(max(0, len(indices) - _MOST) for indices in (errors.missed, errors.false, errors.right))
    return f" ({count:,} not drawn)" if count else ""
