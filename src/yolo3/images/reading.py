"""Opening and decoding image files. The whole library reads image files here.

Nothing is decoded before the header has been checked: format, number of pixels, number of scans.
"""

import io
import os
import stat
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile as OpenedImage

from yolo3.images.directories import ORIENTATION
from yolo3.images.errors import DamagedImage, ImageError, ImageTooLarge, UnknownImage
from yolo3.images.gate import Gate
from yolo3.images.header import FORMATS, Header, read_header
from yolo3.images.jpeg import MOST_SCANS, count_scans
from yolo3.images.orientation import orientation_of
from yolo3.images.rgb import TURNED, ImageArray, rgb_pixels

ImageFile: TypeAlias = str | os.PathLike[str] | bytes
"""Path of an image file, or its content."""
Least: TypeAlias = Callable[[tuple[int, int]], tuple[int, int] | None]
"""Function from the (height, width) of an image to its minimum decoded size, or to None for the full size."""

MAX_MEGAPIXELS = 180.0
"""Default limit of an image, in 10⁶ pixels; close to Pillow's own."""

BYTES_PER_PIXEL = 7
"""Memory per pixel while reading: Pillow's four bytes and three of the array."""
_BYTES_PER_WEBP_PIXEL = 23  # its decoder has two canvases of four bytes and returns a third as bytes, twice
_DARK = 16  # of 256
_SAMPLES_PER_PIXEL = 277
_EXTRA_SAMPLES = 338  # tags of TIFF
_ALONE = 80_000_000  # pixels; Pillow warns above 89 million, and refuses above twice that
_DECODING = Gate(2**30)  # shared by the process; it limits what threads decode at once and does not affect results


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
    """Pillow's mode of the stored pixels: ``RGB``, ``L``, ``P``, …"""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded image file."""

    pixels: ImageArray
    """(H, W, 3) RGB, upright; H and W may be smaller than those of the full image."""
    facts: FileFacts
    """Properties from the header."""
    is_nearly_black: bool
    """Whether the image has 16 bits and only values below 4,096: most likely 10 or 12 bits, not scaled to 16."""


def file_facts(file: ImageFile) -> FileFacts:
    """Size, orientation and mode of an image file, from its header, without decoding.

    Raises:
        ImageError: See `decode_image`; also a WebP above the default limit, since opening one decodes part of it.
    """
    with _opened(file, FORMATS, MAX_MEGAPIXELS) as (_, facts):
        return facts


def decode_image(
    file: ImageFile,
    least: Least | None = None,
    formats: Sequence[str] = FORMATS,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> Decoded:
    """Decode an image file to RGB, upright as its EXIF orientation says.

    Transparency is dropped, the highest 8 of 16 bits are kept, and the first frame of an animation is read.

    Args:
        file: Path or content.
        least: Minimum size: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, but not smaller than this.
        formats: Formats to accept.
        max_megapixels: Largest image, in 10⁶ pixels.

    Raises:
        UnknownImage: Bytes that are not an image in these formats.
        ImageTooLarge: More pixels than the limit, according to the header.
        DamagedImage: An image that is truncated or corrupt.
        ImageError: No such file; a JPEG of more than 100 scans; floating-point pixels; channels beyond red, green, blue
            and transparency; too little memory.
    """
    with _opened(file, formats, max_megapixels, decode=True) as (image, facts):
        enough = None if least is None else least(facts.size)
        if enough is not None:
            height, width = enough[::-1] if facts.orientation in TURNED else enough
            image.draft(image.mode, (width, height))
        is_deep = image.mode.startswith("I") or any(";16" in str(part) for part in image.tile[:1])
        try:
            image.load()
            # newer Pillow rotates a TIFF on loading and removes its tag
            left = getattr(image, "tag_v2", {ORIENTATION: facts.orientation}).get(ORIENTATION, 1)
            pixels = rgb_pixels(image, left)
        except ImageError:
            raise
        except MemoryError as error:
            needed = image.width * image.height * BYTES_PER_PIXEL / 1e9
            raise ImageError(f"reading the image takes {needed:.1f} GB of memory; make it smaller") from error
        except (
            Exception
        ) as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error and others for damaged files
            raise _damaged(error) from error
    return Decoded(pixels, facts, is_deep and int(pixels.max()) < _DARK)


def read_pixels(
    file: ImageFile,
    least: Least | None = None,
    formats: Sequence[str] = FORMATS,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> tuple[ImageArray, tuple[int, int]]:
    """(H, W, 3) RGB of an image file, and the (height, width) of the full image; see `decode_image`.

    Warns about 16-bit images that become nearly black. The warning names no file, so that it is shown only once.
    """
    decoded = decode_image(file, least, formats, max_megapixels)
    if decoded.is_nearly_black:
        warnings.warn(
            "an image with 16 bits has only values below 4,096 and becomes nearly black, since the highest 8 bits "
            "are kept: scale values of 10 or 12 bits to 16",
            stacklevel=2,
        )
    return decoded.pixels, decoded.facts.size


@contextmanager
def _opened(
    file: ImageFile, formats: Sequence[str], max_megapixels: float, decode: bool = False
) -> Iterator[tuple[OpenedImage, FileFacts]]:
    """An image file opened by Pillow after a check of its header, and its properties."""
    with _stream(file) as stream:
        header = read_header(stream)
        if header is None or header.format not in formats:
            is_empty = stream.seek(0, os.SEEK_END) == 0
            raise UnknownImage("the file is empty" if is_empty else "not an image that can be read")
        decodes = decode or header.format == "WEBP" or header.metadata_last
        if decodes and header.num_pixels > max_megapixels * 1e6:
            raise ImageTooLarge(header.width, header.height, max_megapixels)
        if decode and header.several_scans:
            stream = _checked_jpeg(stream)
        with _room(header, decodes), _by_pillow(stream, header.format) as image:
            if decodes and image.width * image.height > max_megapixels * 1e6:  # a GIF frame may exceed its canvas
                raise ImageTooLarge(image.width, image.height, max_megapixels)
            if header.metadata_last:
                image.load()
            orientation = header.orientation if header.format == "TIFF" else orientation_of(image.info)
            orientation = orientation if 1 <= orientation <= 8 else 1
            # newer Pillow returns the upright size of a TIFF, older versions the stored one
            width, height = (header.width, header.height) if header.format == "TIFF" else image.size
            size = (width, height) if orientation in TURNED else (height, width)
            yield image, FileFacts(size, orientation, image.mode)


@contextmanager
def _stream(file: ImageFile) -> Iterator[BinaryIO]:
    if isinstance(file, bytes):
        yield io.BytesIO(file)
        return
    try:
        mode = os.stat(file).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening a pipe waits for somebody to write
            raise ImageError("the file cannot be read (not a file)")
        opened = open(file, "rb")  # closed below
    except FileNotFoundError as error:
        raise ImageError("no such image") from error
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: an impossible file name
        raise ImageError(f"the file cannot be read ({getattr(error, 'strerror', None) or error})") from error
    with opened:
        try:
            yield opened
        except OSError as error:  # OSErrors of Pillow were converted to ImageError before
            raise ImageError(f"the file cannot be read ({error.strerror})") from error


def _checked_jpeg(stream: BinaryIO) -> BinaryIO:
    """The content of a JPEG, after a check of its number of scans."""
    stream.seek(0)
    content = stream.read()
    if count_scans(content) > MOST_SCANS:
        raise ImageError(f"the JPEG has more than {MOST_SCANS} scans and would take minutes to decode; save it again")
    return io.BytesIO(content)


@contextmanager
def _room(header: Header, decodes: bool) -> Iterator[None]:
    """Hold memory to decode an image. A large one is decoded alone, since Pillow's own limit is global."""
    if header.num_pixels > _ALONE:
        with _DECODING.hold(_DECODING.limit):
            limit = Image.MAX_IMAGE_PIXELS
            Image.MAX_IMAGE_PIXELS = None if limit is None else max(limit, header.num_pixels)
            try:
                yield
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    elif decodes:
        per_pixel = _BYTES_PER_WEBP_PIXEL if header.format == "WEBP" else BYTES_PER_PIXEL
        with _DECODING.hold(header.num_pixels * per_pixel):
            yield
    else:
        yield


@contextmanager
def _by_pillow(stream: BinaryIO, format: str) -> Iterator[OpenedImage]:
    try:
        image = Image.open(stream, formats=(format,))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"the image is too large for the Image.MAX_IMAGE_PIXELS that was set in Pillow ({error})"
        ) from error
    except (KeyError, UnidentifiedImageError) as error:
        raise DamagedImage(f"the image is damaged, or this Pillow was built without {format}") from error
    except Exception as error:  # as in `decode_image`
        raise _damaged(error) from error
    with image:
        if format == "TIFF":
            _check_channels(image)
        yield image


def _damaged(error: Exception) -> DamagedImage:
    return DamagedImage(f"the image is damaged ({' '.join(str(error).split())})")


def _check_channels(image: Any) -> None:
    """Refuse a TIFF with channels beyond colour and transparency, which Pillow drops silently."""
    channels = image.tag_v2.get(_SAMPLES_PER_PIXEL, 1)
    unspecified = 0 in image.tag_v2.get(_EXTRA_SAMPLES, ())
    if channels > 4 or unspecified:
        raise ImageError(f"the image has {channels} channels, and images are read as RGB, of 3; save it with 3")
