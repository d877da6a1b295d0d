"""Several images on one."""

import numpy as np
from PIL import Image

from yolo3.draw import contact_sheet, sheet_width, side_by_side

_RED, _BLUE, _WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def test_side_by_side_pixel_for_pixel() -> None:
    row = side_by_side([Image.new("RGB", (2, 1), _RED), Image.new("RGB", (2, 1), _BLUE)], gap=1)
    assert np.asarray(row).tolist() == [[[*_RED], [*_RED], [*_WHITE], [*_BLUE], [*_BLUE]]]


def test_a_sheet_pixel_for_pixel() -> None:
    tiles = [Image.new("RGB", (1, 1), colour) for colour in (_RED, _BLUE, _RED)]
    sheet = np.asarray(contact_sheet(tiles, columns=2, margin=1, header=Image.new("RGB", (5, 1), _BLUE)))
    rows = [[_BLUE] * 5, [_WHITE, _RED, _WHITE, _BLUE, _WHITE], [_WHITE] * 5]
    rows += [[_WHITE, _RED, _WHITE, _WHITE, _WHITE], [_WHITE] * 5]
    assert sheet.tolist() == [[list(colour) for colour in row] for row in rows]


def test_a_sheet_is_no_wider_than_its_tiles() -> None:
    tile = Image.new("RGB", (10, 4))
    assert contact_sheet([tile], columns=3).size == (10, 4)
    assert contact_sheet([tile] * 4, columns=3, margin=2).size == (sheet_width(10, 3, 2), 2 * (4 + 2))
