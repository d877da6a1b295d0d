"""Conversion of images to 8-bit RGB."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from yolo3.images.errors import ImageError

ImageArray = npt.NDArray[np.uint8]
"""(H, W, 3) RGB."""

_STRIP = 2**20
"""Pixels converted at a time; converting the whole image would take several times its memory."""
TURNED = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""


def as_rgb(image: Image.Image) -> Image.Image:
    """A copy in RGB: transparency is dropped, and the highest 8 of 16 bits are kept.

    Raises:
        ImageError: Floating-point pixels, whose range is unknown; integers below 0 or above 65,535.
    """
    if image.mode == "F":
        raise ImageError("the image has floating-point pixels; save it with 8 or 16 bits")
    if image.mode.startswith("I"):  # 16 bits, which Pillow may also return as 32
        values = np.asarray(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise ImageError(f"the image has values from {values.min()} to {values.max()}; save it with 8 or 16 bits")
        image = Image.fromarray((values >> 8).astype(np.uint8))
    elif image.mode in ("P", "PA"):  # direct conversion to RGB warns about transparent palettes
        image = image.convert("RGBA")
    return image.convert("RGB")


def rgb_pixels(image: Image.Image, orientation: int = 1) -> ImageArray:
    """The pixels of an image, upright. Extra memory is limited to one strip.

    Args:
        image: Image as stored.
        orientation: EXIF orientation still to be applied, 1 to 8.

    Raises:
        ImageError: Pixels that cannot become RGB, see `as_rgb`.
    """
    width, height = image.size
    upright = np.empty((width, height, 3) if orientation in TURNED else (height, width, 3), dtype=np.uint8)
    stored = as_stored(upright, orientation)
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        strip = image if bottom - top == height else image.crop((0, top, width, bottom))
        stored[top:bottom] = np.asarray(strip if strip.mode == "RGB" else as_rgb(strip))
    return upright


def as_stored(upright: ImageArray, orientation: int) -> ImageArray:
    """A view of an upright image with its pixels in stored order."""
    if orientation in TURNED:
        upright = upright.transpose(1, 0, 2)
    flip_rows = orientation in (3, 4, 6, 7)
    flip_columns = orientation in (2, 3, 7, 8)
    return upright[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
