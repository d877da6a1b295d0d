"""Pixels of images that Pillow has opened: as RGB to look at, or with the channels that a network takes."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from yolo3.images.channels import ImageArray, with_channels
from yolo3.images.depth import in_unit_range
from yolo3.images.errors import ImageError

_STRIP = 2**20
"""Pixels converted at a time; converting the whole image would take several times its memory."""
TURNED = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""
_ALPHA = ("LA", "La", "RGBA", "RGBa")
"""Pillow's modes of pixels whose last channel is transparency."""
_GREY = ("1", "L")
_LAST = "RGBX"
"""Pillow's mode of pixels with a fourth channel of unknown meaning."""


def has_alpha(mode: str) -> bool:
    """Whether the last channel of a mode of Pillow is transparency."""
    return mode in _ALPHA


def is_deep_mode(mode: str) -> bool:
    """Whether a mode of Pillow has pixels of more than 8 bits, which it keeps."""
    return mode.startswith("I") or mode == "F"


def num_channels(mode: str) -> int:
    """The number of channels of a mode of Pillow, as it is read: palettes, CMYK and so on become RGB."""
    if mode in _GREY or is_deep_mode(mode):
        return 1
    return {"LA": 2, "La": 2, "RGBA": 4, "RGBa": 4, _LAST: 4}.get(mode, 3)


def as_rgb(image: Image.Image) -> Image.Image:
    """A copy in RGB: transparency is dropped, and the highest 8 of 16 bits are kept.

    Raises:
        ImageError: Floating-point pixels, whose range is unknown; integers below 0 or above 65,535.
    """
    if image.mode == "F":
        raise ImageError("the image has floating-point pixels; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        image = Image.fromarray((_checked(np.asarray(image)) >> 8).astype(np.uint8))
    elif image.mode in ("P", "PA"):  # direct conversion to RGB warns about transparent palettes
        image = image.convert("RGBA")
    return image.convert("RGB")


def rgb_pixels(image: Image.Image, orientation: int = 1) -> npt.NDArray[np.uint8]:
    """The pixels of an image, (H, W, 3) RGB, upright. Extra memory is limited to one strip.

    Args:
        image: Image as stored.
        orientation: EXIF orientation still to be applied, 1 to 8.

    Raises:
        ImageError: Pixels that cannot become RGB, see `as_rgb`.
    """
    width, height = image.size
    shape = (width, height, 3) if orientation in TURNED else (height, width, 3)
    upright = np.empty(shape, dtype=np.uint8)
    stored = as_stored(upright, orientation)
    for top, bottom in _strips(width, height):
        strip = _rows(image, top, bottom)
        if strip.mode != "RGB":
            strip = as_rgb(strip)
        stored[top:bottom] = np.asarray(strip)
    return upright


def channel_pixels(
    image: Image.Image, channels: int, orientation: int = 1, low: Image.Image | None = None
) -> ImageArray:
    """The pixels of an image for a network, upright and at their full depth. Extra memory is limited to one strip.

    Args:
        image: Image as stored.
        channels: Number of channels that the network takes.
        orientation: EXIF orientation still to be applied, 1 to 8.
        low: The lower 8 of 16 bits, of an image whose higher 8 are in ``image``; None where it is whole.

    Returns:
        (H, W, channels) uint8, or float32 in [0, 1] for pixels of more than 8 bits.

    Raises:
        ChannelError: Another number of channels, see `with_channels`.
        ImageError: Integers below 0 or above 65,535; floating-point pixels outside [0, 1].
    """
    width, height = image.size
    dtype = np.float32 if low is not None or is_deep_mode(image.mode) else np.uint8
    shape = (width, height) if orientation in TURNED else (height, width)
    upright = np.empty((*shape, channels), dtype=dtype)
    stored = as_stored(upright, orientation)
    for top, bottom in _strips(width, height):
        strip = _rows(image, top, bottom)
        is_dropped = channels == 3 and has_alpha(image.mode) and low is None
        values = np.asarray(as_rgb(strip)) if is_dropped else _values(strip)
        if low is not None:
            values = in_unit_range(values.astype(np.uint16) << 8 | _values(_rows(low, top, bottom)))
        stored[top:bottom] = with_channels(values, channels, has_alpha(image.mode) and not is_dropped)
    return upright


def as_stored(upright: ImageArray, orientation: int) -> ImageArray:
    """A view of an upright image with its pixels in stored order."""
    if orientation in TURNED:
        upright = upright.transpose(1, 0, 2)
    row_step = -1 if orientation in (3, 4, 6, 7) else 1
    column_step = -1 if orientation in (2, 3, 7, 8) else 1
    return upright[::row_step, ::column_step]


def as_upright(stored: ImageArray, orientation: int) -> ImageArray:
    """Pixels in stored order, set upright."""
    if orientation == 1:
        return stored
    height, width, channels = stored.shape
    shape = (width, height, channels) if orientation in TURNED else stored.shape
    upright = np.empty(shape, stored.dtype)
    as_stored(upright, orientation)[:] = stored
    return upright


def _strips(width: int, height: int) -> list[tuple[int, int]]:
    """The first row, and the row after the last, of every strip."""
    rows = max(1, _STRIP // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def _rows(image: Image.Image, top: int, bottom: int) -> Image.Image:
    """Some rows of an image, or the image itself where they are all."""
    return image if bottom - top == image.height else image.crop((0, top, image.width, bottom))


def _values(image: Image.Image) -> ImageArray:
    """(H, W, C) with the channels that are stored."""
    if image.mode.startswith("I"):
        values = in_unit_range(_checked(np.asarray(image)).astype(np.uint16))
    elif image.mode == "F":
        values = in_unit_range(np.asarray(image))
    elif image.mode in _GREY:
        values = np.asarray(image.convert("L"))
    elif image.mode in ("RGB", *_ALPHA, _LAST):
        values = np.asarray(image)
    else:
        values = np.asarray(as_rgb(image))
    return values[..., None] if values.ndim == 2 else values


def _checked(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """16 bits, which Pillow may also return as 32.

    Raises:
        ImageError: Integers below 0 or above 65,535.
    """
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise ImageError(f"the image has values from {values.min()} to {values.max()}; save it with 8 or 16 bits")
    return values
