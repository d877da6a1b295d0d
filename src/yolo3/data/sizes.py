"""Image sizes, from the annotation or otherwise from the file."""

from pathlib import Path

from yolo3.data.images import image_size

LARGEST_EDGE = 1_000_000
"""Maximum width and height of an image, pixels; more is a mistake."""


def edge_length(value: object) -> int | None:
    """Length of an edge in pixels: 64, 64.0 and "64" are the same; None if it is not stated.

    Raises:
        ValueError: A value that is not a whole number above 0, or is too large for an image.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r:.40} is not a number of pixels")
    number = value if isinstance(value, int) else float(value)
    if not 0 < number <= LARGEST_EDGE or number != int(number):
        raise ValueError(f"{value!r:.40} is not a number of pixels")
    return int(number)


def whole_size(height: int | None, width: int | None, image: str | Path) -> tuple[int, int]:
    """(height, width) of an image, read from its file if an edge is not given.

    Raises:
        DataError: An edge is not given, and the file cannot be read.
    """
    if height is None or width is None:
        own_height, own_width = image_size(image)
        return height or own_height, width or own_width
    return height, width
