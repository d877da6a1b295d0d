"""Channels of an image: how many a file has, how many a network takes, and what becomes of one into the other."""

from typing import Any

import numpy as np
import numpy.typing as npt

from yolo3.images.errors import ImageError

ImageArray = npt.NDArray[Any]
"""(H, W, C) pixels: uint8, or float32 in [0, 1] for images of more than 8 bits."""

_RED, _GREEN, _BLUE = 77, 150, 29  # of 256


class ChannelError(ImageError):
    """An image of another number of channels than the network takes.

    Args:
        stored: Number of channels of the image.
        wanted: Number of channels that the network takes.
        has_alpha: Whether the last channel is transparency.
    """

    def __init__(self, stored: int, wanted: int, has_alpha: bool = False) -> None:
        count = "1 channel" if stored == 1 else f"{stored} channels"
        kind = ", the last of them transparency" if has_alpha else ""
        fix = f"give images of {wanted}"
        if has_alpha and wanted == 1:
            fix = "save it without transparency"
        super().__init__(f"the image has {count}{kind}, and the network takes {wanted}; {fix}")
        self.stored = stored
        self.wanted = wanted


def check_channels(stored: int, wanted: int, has_alpha: bool = False) -> None:
    """Refuse an image that does not become one of ``wanted`` channels; see `with_channels`.

    Raises:
        ChannelError: Another number of channels, which has no meaning for the network.
    """
    to_grey = wanted == 1 and stored == 3
    to_colour = wanted == 3 and (stored == 1 or has_alpha)
    if not (stored == wanted or to_grey or to_colour):
        raise ChannelError(stored, wanted, has_alpha)


def with_channels(pixels: ImageArray, wanted: int, has_alpha: bool = False) -> ImageArray:
    """Pixels with as many channels as a network takes.

    A network of one channel sees colour as grey, see `luma`. A network of three channels sees grey three times, and no
    transparency. Nothing else is converted.

    Args:
        pixels: (H, W, C).
        wanted: Number of channels that the network takes.
        has_alpha: Whether the last channel is transparency.

    Returns:
        (H, W, wanted), of the same type.

    Raises:
        ChannelError: Another number of channels, which has no meaning for the network.
    """
    stored = pixels.shape[2]
    check_channels(stored, wanted, has_alpha)
    if stored == wanted:
        return pixels
    if wanted == 1:
        return luma(pixels)
    colours = pixels[..., : stored - 1] if has_alpha else pixels
    return colours if colours.shape[2] == 3 else np.repeat(colours, 3, axis=2)


def luma(rgb: ImageArray) -> ImageArray:
    """(H, W, 3) RGB -> (H, W, 1) grey: (77 R + 150 G + 29 B) / 256, of bytes rounded down.

    Source:
        ``stbi__compute_y`` of stb_image, with which Darknet reads images.
    """
    red, green, blue = (rgb[..., channel] for channel in range(3))
    if rgb.dtype != np.uint8:
        grey = (red * np.float32(_RED) + green * np.float32(_GREEN) + blue * np.float32(_BLUE)) / np.float32(256)
        return grey[..., None].astype(np.float32, copy=False)
    total = red.astype(np.uint16) * _RED  # the sum is at most 255 * 256
    total += green.astype(np.uint16) * _GREEN
    total += blue.astype(np.uint16) * _BLUE
    return (total >> 8).astype(np.uint8)[..., None]


def to_view(pixels: ImageArray) -> npt.NDArray[np.uint8]:
    """(H, W, 3) bytes to look at: of three channels and more the first three as red, green and blue, else grey.

    Args:
        pixels: (H, W, C), or (H, W), uint8 or float32 in [0, 1].
    """
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    shown = pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
    if shown.dtype != np.uint8:
        shown = (shown * 255).round().clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(shown)
