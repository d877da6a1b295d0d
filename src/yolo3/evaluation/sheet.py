"""A sheet of the pictures that go wrong most, with what was missed and what was found where there is nothing."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageDraw

from yolo3.data import DataError, read_image
from yolo3.metrics import Comparison, PictureMistakes
from yolo3.system.fonts import Font, font_for

_TILE = (400, 300)  # width, height of a picture on the sheet, without its caption
_COLUMNS = 3
_MARGIN = 10
_CAPTION = 24
_LINE = 2
_FALSE, _MISSED, _RIGHT = (230, 30, 30), (255, 190, 0), (0, 170, 60)
_LEGEND = (
    ("missed: an object that was not found", _MISSED),
    ("false: found where it is not", _FALSE),
    ("right", _RIGHT),
)


def draw_sheet(path: Path, comparison: Comparison, worst: Sequence[PictureMistakes]) -> bool:
    """Draw pictures with their mistakes, and the name of the class at each.

    Args:
        path: of the PNG.
        comparison: that the mistakes are of; its pictures are files.
        worst: pictures, in the order of the sheet; what cannot be read is left out.

    Returns:
        Whether it was drawn: not without mistakes, nor without a picture.
    """
    tiles = []
    for mistakes in worst:
        with suppress(DataError):  # the numbers do not need the pictures
            tiles.append((mistakes, _tile(comparison, mistakes)))
    if not tiles:
        return False
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    cell = _TILE[0] + _MARGIN, _TILE[1] + _CAPTION + _MARGIN
    top = _MARGIN + 24 * len(_LEGEND)
    sheet = Image.new("RGB", (_MARGIN + columns * cell[0], top + rows * cell[1]), "white")
    files = [Path(comparison.pictures[mistakes.number]).name for mistakes, _ in tiles]
    pen, font = ImageDraw.Draw(sheet), font_for("…".join(files), 15)  # which a long one has in its middle
    for number, (text, colour) in enumerate(_LEGEND):
        line = _MARGIN + 24 * number
        pen.rectangle((_MARGIN, line, _MARGIN + 16, line + 16), outline=colour, width=3)
        pen.text((_MARGIN + 24, line - 1), text, fill="black", font=font)
    for number, (mistakes, tile) in enumerate(tiles):
        row, column = divmod(number, columns)
        corner = _MARGIN + column * cell[0], top + row * cell[1]
        counts = f": {len(mistakes.missed)} missed, {len(mistakes.false)} false"
        pen.text(corner, _fitted(files[number], counts, font), fill="black", font=font)
        sheet.paste(tile, (corner[0], corner[1] + _CAPTION))
    sheet.save(path, format="PNG")
    return True


def _tile(comparison: Comparison, mistakes: PictureMistakes) -> Image.Image:
    """A picture at the size of the sheet, its boxes and names."""
    upright = Image.fromarray(read_image(comparison.pictures[mistakes.number]))
    scale = min(_TILE[0] / upright.width, _TILE[1] / upright.height)
    size = max(1, round(upright.width * scale)), max(1, round(upright.height * scale))
    tile = upright.resize(size)
    pen, font = ImageDraw.Draw(tile), font_for("".join(comparison.names), 11)
    kinds = (
        (mistakes.right, comparison.found.ltwh, comparison.found.labels, _RIGHT),
        (mistakes.missed, comparison.truth.ltwh, comparison.truth.labels, _MISSED),
        (mistakes.false, comparison.found.ltwh, comparison.found.labels, _FALSE),
    )
    for indices, boxes, labels, colour in kinds:
        for index in indices:
            left, above, width, height = (boxes[index] * scale).tolist()
            pen.rectangle((left, above, left + width, above + height), outline=colour, width=_LINE)
            if colour != _RIGHT:  # what is right need not be read
                name = comparison.names[labels[index]]
                _, _, wide, high = pen.textbbox((0, 0), name, font=font)
                # what is missed below, what is false above: the two often lie on each other
                line = above + height - high - 2 * _LINE if colour == _MISSED else above + _LINE
                corner = _within(left + _LINE, tile.width - wide), _within(line, tile.height - high)
                pen.rectangle(pen.textbbox(corner, name, font=font), fill=colour)
                pen.text(corner, name, fill="black" if colour == _MISSED else "white", font=font)
    return tile


def _within(value: float, most: float) -> float:
    return max(0.0, min(value, most))


def _fitted(name: str, counts: str, font: Font) -> str:
    """A caption as wide as a picture; what is too long in the middle of the name is left out."""
    while len(name) > 8 and font.getlength(name + counts) > _TILE[0]:
        middle = len(name) // 2
        name = f"{name[: middle - 1]}…{name[middle + 1 :]}"
    return name + counts
