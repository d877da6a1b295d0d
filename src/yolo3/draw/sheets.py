"""Several images on one: side by side, or as a contact sheet."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from yolo3.system.fonts import Font

_CAPTION = 24  # pixels: height of a caption


def side_by_side(images: Sequence[Image.Image], gap: int = 0) -> Image.Image:
    """Images of one size in a row.

    Args:
        images: Images, one or more.
        gap: Pixels of white between two images.
    """
    width, height = images[0].size
    row = Image.new("RGB", (len(images) * (width + gap) - gap, height), "white")
    for number, image in enumerate(images):
        row.paste(image, (number * (width + gap), 0))
    return row


def contact_sheet(
    tiles: Sequence[Image.Image], columns: int, margin: int = 0, header: Image.Image | None = None
) -> Image.Image:
    """Tiles of one size in rows, on white.

    Args:
        tiles: Images, one or more.
        columns: Most tiles per row.
        margin: Pixels of white to the left, to the right and below each tile.
        header: Image above the tiles, such as a legend.
    """
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    width, height = sheet_width(tiles[0].width, columns, margin), tiles[0].height + margin
    top = 0 if header is None else header.height
    sheet = Image.new("RGB", (width, top + rows * height), "white")
    if header is not None:
        sheet.paste(header, (0, 0))
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet.paste(tile, (margin + column * (tile.width + margin), top + row * height))
    return sheet


def sheet_width(tile_width: int, columns: int, margin: int = 0) -> int:
    """Width of a `contact_sheet` in pixels, for a header as wide as the sheet."""
    return margin + columns * (tile_width + margin)


def captioned(tile: Image.Image, captions: Sequence[tuple[str, str]], font: Font) -> Image.Image:
    """A tile with captions above it, side by side.

    Args:
        tile: Image.
        captions: Name and remark of each caption. A name that is too long is cut in the middle, a remark is whole.
        font: Font of the captions.
    """
    whole = Image.new("RGB", (tile.width, tile.height + _CAPTION), "white")
    pen = ImageDraw.Draw(whole)
    room = tile.width / len(captions)
    for number, (name, remark) in enumerate(captions):
        pen.text((number * room, 0), _fitted(name, remark, room, font), fill="black", font=font)
    whole.paste(tile, (0, _CAPTION))
    return whole


def _fitted(name: str, remark: str, room: float, font: Font) -> str:
    """A caption no wider than its room."""
    while len(name) > 8 and font.getlength(name + remark) > room:
        middle = len(name) // 2
        name = f"{name[: middle - 1]}…{name[middle + 1 :]}"
    return name + remark
