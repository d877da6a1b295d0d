"""A contact sheet of the images with most errors: missed objects and false detections."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageDraw

from yolo3.data import DataError, read_image
from yolo3.draw import contact_sheet, sheet_width
from yolo3.metrics import Comparison, ImageErrors
from yolo3.system.fonts import Font, font_for

_TILE = (400, 300)  # width, height of an image on the sheet, without its caption
_COLUMNS = 3
_MARGIN = 10
_CAPTION = 24
_LINE = 2
_FALSE, _MISSED, _RIGHT = (230, 30, 30), (255, 190, 0), (0, 170, 60)
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
    captioned = []
    for (errors, tile), file in zip(tiles, files, strict=True):
        counts = f": {len(errors.missed)} missed, {len(errors.false)} false"
        captioned.append(_captioned(tile, _fitted(file, counts, font), font))
    legend = _legend(sheet_width(_TILE[0], columns, _MARGIN), font)
    contact_sheet(captioned, columns, _MARGIN, legend).save(path, format="PNG")
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


def _captioned(tile: Image.Image, caption: str, font: Font) -> Image.Image:
    """A tile of the sheet: the image with its caption above it."""
    whole = Image.new("RGB", (_TILE[0], _TILE[1] + _CAPTION), "white")
    ImageDraw.Draw(whole).text((0, 0), caption, fill="black", font=font)
    whole.paste(tile, (0, _CAPTION))
    return whole


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
    for indices, boxes, labels, colour in kinds:
        for index in indices:
            left, above, width, height = (boxes[index] * scale).tolist()
            pen.rectangle((left, above, left + width, above + height), outline=colour, width=_LINE)
            if colour != _RIGHT:  # correct detections need no name
                name = comparison.names[labels[index]]
                _, _, wide, high = pen.textbbox((0, 0), name, font=font)
                # missed below, false above: the two often overlap
                line = above + height - high - 2 * _LINE if colour == _MISSED else above + _LINE
                corner = _within(left + _LINE, tile.width - wide), _within(line, tile.height - high)
                pen.rectangle(pen.textbbox(corner, name, font=font), fill=colour)
                pen.text(corner, name, fill="black" if colour == _MISSED else "white", font=font)
    return tile


def _within(value: float, most: float) -> float:
    return max(0.0, min(value, most))


def _fitted(name: str, counts: str, font: Font) -> str:
    """A caption no wider than a tile; a long name is cut in the middle."""
    while len(name) > 8 and font.getlength(name + counts) > _TILE[0]:
        middle = len(name) // 2
        name = f"{name[: middle - 1]}…{name[middle + 1 :]}"
    return name + counts
