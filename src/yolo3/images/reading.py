"""Reading image files. The whole library reads image files here.

Nothing is decoded before the header has been checked: format, number of pixels, number of scans.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

from PIL import Image
from PIL.ImageFile import ImageFile as OpenedImage

from yolo3.images.bands import read_bands, type_of_bands
from yolo3.images.channels import ImageArray, check_channels, to_view, with_channels
from yolo3.images.depth import in_unit_range, is_deep
from yolo3.images.directories import ORIENTATION
from yolo3.images.errors import ImageError, ImageTooLarge, UnknownImage
from yolo3.images.header import FORMATS, Header, read_header
from yolo3.images.opening import BYTES_PER_PIXEL, ImageFile, by_pillow, checked_jpeg, damaged, room, stream_of
from yolo3.images.orientation import orientation_of
from yolo3.images.rgb import TURNED, as_upright, channel_pixels, has_alpha, is_deep_mode, num_channels, rgb_pixels

Least: TypeAlias = Callable[[tuple[int, int]], tuple[int, int] | None]
"""Function from the (height, width) of an image to its minimum decoded size, or to None for the full size."""

MAX_MEGAPIXELS = 180.0
"""Default limit of an image, in 10⁶ pixels; close to Pillow's own."""

_DARK = 16  # of 256
_OPPOSITE = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
"""The other byte order of Pillow's raw modes of 16 bits, such as ``RGB;16L``."""


def check_limit(max_megapixels: float) -> None:
    """Raise a ValueError for a limit that is not above 0."""
    if not max_megapixels > 0:
        raise ValueError(f"max_megapixels is {max_megapixels}; it must be above 0")


@dataclass(frozen=True)
class FileFacts:
    """Properties of an image file from its header, without decoding."""

    size: tuple[int, int]
    """(height, width) upright, pixels."""
    orientation: int
    """EXIF orientation, 1 to 8; 1 if there is none or it cannot be read."""
    mode: str
    """Pillow's mode of the stored pixels: ``RGB``, ``L``, ``P``, …; empty for arrays of channels without a meaning."""
    channels: int = 3
    """Number of channels that are stored; palettes, CMYK and so on count as the RGB that is made of them."""
    is_deep: bool = False
    """Whether pixels have more than 8 bits."""

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is transparency."""
        return has_alpha(self.mode)


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded image file."""

    pixels: ImageArray
    """(H, W, C), upright; H and W may be smaller than those of the full image."""
    facts: FileFacts
    """Properties from the header."""
    is_nearly_black: bool
    """Whether the image has 16 bits and only values below 4,096: most likely 10 or 12 bits, not scaled to 16."""


def file_facts(file: ImageFile) -> FileFacts:
    """Size, orientation, mode and channels of an image file, from its header, without decoding.

    Raises:
        ImageError: See `decode_image`; also a WebP above the default limit, since opening one decodes part of it.
    """
    with stream_of(file) as stream:
        header = _checked_header(stream, FORMATS)
        if header.bands:
            return _facts_of_bands(stream, header)
        with _opened(stream, header, MAX_MEGAPIXELS) as (_, facts):
            return facts


def decode_image(
    file: ImageFile,
    least: Least | None = None,
    formats: Sequence[str] = FORMATS,
    max_megapixels: float = MAX_MEGAPIXELS,
    channels: int | None = None,
) -> Decoded:
    """Decode an image file, upright as its EXIF orientation says. The first frame of an animation is read.

    Args:
        file: Path or content.
        least: Minimum size: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, but not smaller than this.
        formats: Formats to accept.
        max_megapixels: Largest image, in 10⁶ pixels.
        channels: Number of channels that a network takes, see `with_channels`: uint8, or float32 in [0, 1] for pixels
            of more than 8 bits. None is for eyes: 8-bit RGB, without transparency, the highest 8 of 16 bits, the first
            three of more channels.

    Raises:
        UnknownImage: Bytes that are not an image in these formats.
        ImageTooLarge: More pixels than the limit, according to the header.
        DamagedImage: An image that is truncated or corrupt.
        ChannelError: Another number of channels than the network takes.
        ImageError: No such file; a JPEG of more than 100 scans; values whose range is unknown; too little memory; a
            missing package for TIFFs of many channels.
    """
    with stream_of(file) as stream:
        header = _checked_header(stream, formats)
        if header.bands:
            return _decoded_bands(stream, header, max_megapixels, channels)
        if header.several_scans:
            stream = checked_jpeg(stream)
        with _opened(stream, header, max_megapixels, decode=True) as (image, facts):
            if channels is not None:
                check_channels(facts.channels, channels, facts.has_alpha)
            enough = None if least is None else least(facts.size)
            if enough is not None:
                height, width = enough[::-1] if facts.orientation in TURNED else enough
                image.draft(image.mode, (width, height))
            try:
                image.load()
                # newer Pillow rotates a TIFF on loading and removes its tag
                left = getattr(image, "tag_v2", {ORIENTATION: facts.orientation}).get(ORIENTATION, 1)
                if channels is None:
                    pixels: ImageArray = rgb_pixels(image, left)
                else:
                    is_halved = facts.is_deep and not is_deep_mode(image.mode)
                    low = _low_bytes(stream, header.format) if is_halved else None
                    pixels = channel_pixels(image, channels, left, low)
            except ImageError:
                raise
            except MemoryError as error:
                raise _too_little_memory(image.width * image.height) from error
            except (
                Exception
            ) as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error and others for damaged files
                raise damaged(error) from error
    return Decoded(pixels, facts, facts.is_deep and _is_dark(pixels))


def read_pixels(
    file: ImageFile,
    least: Least | None = None,
    formats: Sequence[str] = FORMATS,
    max_megapixels: float = MAX_MEGAPIXELS,
    channels: int | None = None,
) -> tuple[ImageArray, tuple[int, int]]:
    """(H, W, C) pixels of an image file, and the (height, width) of the full image; see `decode_image`.

    Warns about 16-bit images that become nearly black. The warning names no file, so that it is shown only once.
    """
    decoded = decode_image(file, least, formats, max_megapixels, channels)
    if decoded.is_nearly_black:
        warnings.warn(
            "an image with 16 bits has only values below 4,096 and becomes nearly black, since 65,535 is white: scale "
            "values of 10 or 12 bits to 16",
            stacklevel=2,
        )
    return decoded.pixels, decoded.facts.size


def _checked_header(stream: BinaryIO, formats: Sequence[str]) -> Header:
    header = read_header(stream)
    if header is None or header.format not in formats:
        is_empty = stream.seek(0, os.SEEK_END) == 0
        raise UnknownImage("the file is empty" if is_empty else "not an image that can be read")
    return header


@contextmanager
def _opened(
    stream: BinaryIO, header: Header, max_megapixels: float, decode: bool = False
) -> Iterator[tuple[OpenedImage, FileFacts]]:
    """An image file opened by Pillow after a check of its header, and its properties."""
    decodes = decode or header.format == "WEBP" or header.metadata_last
    if decodes and header.num_pixels > max_megapixels * 1e6:
        raise ImageTooLarge(header.width, header.height, max_megapixels)
    with room(header, decodes), by_pillow(stream, header.format) as image:
        if decodes and image.width * image.height > max_megapixels * 1e6:  # a GIF frame may exceed its canvas
            raise ImageTooLarge(image.width, image.height, max_megapixels)
        is_16_bit = any(";16" in str(part) for part in image.tile[:1])
        if header.metadata_last:
            image.load()
        orientation = header.orientation if header.format == "TIFF" else orientation_of(image.info)
        # newer Pillow returns the upright size of a TIFF, older versions the stored one
        width, height = (header.width, header.height) if header.format == "TIFF" else image.size
        orientation = _valid(orientation)
        size = (width, height) if orientation in TURNED else (height, width)
        deep = is_16_bit or is_deep_mode(image.mode)
        yield image, FileFacts(size, orientation, image.mode, num_channels(image.mode), deep)


def _low_bytes(stream: BinaryIO, format: str) -> Image.Image:
    """The lower 8 bits of an image of several channels of 16 bits, of which Pillow keeps the higher 8.

    Its raw modes name the byte order, so the other order gives the other byte.

    Raises:
        ImageError: A layout in which Pillow knows only one order.
    """
    stream.seek(0)
    with by_pillow(stream, format) as image:
        image.tile = [tile._replace(args=_other_order(tile.args)) for tile in image.tile]
        image.load()
        return image


def _other_order(arguments: Any) -> Any:
    """The arguments of Pillow's decoder with the other byte order in the raw mode, which comes first."""
    if isinstance(arguments, tuple):
        return (_other_order(arguments[0]), *arguments[1:])
    mode, _, order = arguments.partition(";16")
    if mode not in ("RGB", "RGBA", "RGBX") or order not in _OPPOSITE:
        raise ImageError(f"16 bits in the layout {arguments} cannot be read; save it as .npy, or with 8 bits")
    return f"{mode};16{_OPPOSITE[order]}"


def _decoded_bands(stream: BinaryIO, header: Header, max_megapixels: float, channels: int | None) -> Decoded:
    """An array of channels."""
    if header.num_pixels > max_megapixels * 1e6:
        raise ImageTooLarge(header.width, header.height, max_megapixels)
    facts = _facts_of_bands(stream, header)
    if channels is not None:
        check_channels(facts.channels, channels)
    with room(header, decodes=True):
        try:
            read = read_bands(stream, header.format)
            stored = in_unit_range(read)
            values = to_view(stored) if channels is None else with_channels(stored, channels)
        except MemoryError as error:
            raise _too_little_memory(header.num_pixels) from error
        upright = as_upright(values, facts.orientation)
    return Decoded(upright, facts, read.dtype == "uint16" and _is_dark(upright))


def _facts_of_bands(stream: BinaryIO, header: Header) -> FileFacts:
    orientation = _valid(header.orientation)
    size = (header.width, header.height) if orientation in TURNED else (header.height, header.width)
    return FileFacts(size, orientation, "", header.bands, is_deep(type_of_bands(stream, header.format)))


def _valid(orientation: int) -> int:
    return orientation if 1 <= orientation <= 8 else 1


def _is_dark(pixels: ImageArray) -> bool:
    brightest = float(pixels.max())
    return brightest < (_DARK if pixels.dtype == "uint8" else _DARK / 256)


def _too_little_memory(num_pixels: int) -> ImageError:
    return ImageError(f"reading the image takes {num_pixels * BYTES_PER_PIXEL / 1e9:.1f} GB of memory; make it smaller")
