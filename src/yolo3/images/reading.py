"""Opening and decoding image files. Everything in the library that reads one does so here.

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
"""The path of an image file, or its content."""
Least: TypeAlias = Callable[[tuple[int, int]], tuple[int, int] | None]
"""From the (height, width) of an image to the (height, width) that are enough of it; None is all of it."""

MAX_MEGAPIXELS = 180.0
"""Default limit of an image, in 10⁶ pixels; about where Pillow's own lies."""

BYTES_PER_PIXEL = 7
"""Memory that reading takes: Pillow's four bytes, and the three of the array."""
_BYTES_PER_WEBP_PIXEL = 23  # its decoder has two canvases of four bytes and hands out a third as bytes, twice
_DARK = 16  # of 256
_SAMPLES_PER_PIXEL, _EXTRA_SAMPLES = 277, 338  # tags of TIFF
_ALONE = 80_000_000  # pixels; Pillow warns above 89 million, and refuses above twice that
_DECODING = Gate(2**30)  # of the process, as memory is; it bounds what threads decode at once and decides no result


def check_limit(max_megapixels: float) -> None:
    """Raise the ValueError of a limit that is not above 0."""
    if not max_megapixels > 0:
        raise ValueError(f"max_megapixels is {max_megapixels}; it must be above 0")


@dataclass(frozen=True)
class FileFacts:
    """What an image file says of itself; nothing is decoded for it."""

    size: tuple[int, int]
    """(height, width) upright, pixels."""
    orientation: int
    """EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    mode: str
    """How pixels are stored, by Pillow's name: ``RGB``, ``L``, ``P``, …"""


@dataclass(frozen=True, eq=False)
class Decoded:
    """An image file as pixels."""

    pixels: ImageArray
    """(H, W, 3) RGB, upright; H and W may be less than those of the whole image."""
    facts: FileFacts
    is_nearly_black: bool
    """It has 16 bits and only values below 4,096: most likely 10 or 12 bits that were not spread over all 16."""


def file_facts(file: ImageFile) -> FileFacts:
    """Size, orientation and mode of an image file, from its header. However large the image is, it costs nothing.

    Raises:
        ImageError: see `decode_image`; a WebP above the default limit, since opening one decodes it halfway.
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

    Transparency is dropped, of 16 bits the highest 8 are kept, and of an animation the first frame is read.

    Args:
        file: Path or content.
        least: What is enough: a JPEG may then be decoded at 1/2, 1/4 or 1/8 of its size, but no smaller than this.
        formats: Formats to accept.
        max_megapixels: Largest image, in 10⁶ pixels.

    Raises:
        UnknownImage: bytes that are no image of these formats.
        ImageTooLarge: more pixels than the limit; they are known from the header.
        DamagedImage: an image that is cut short or broken.
        ImageError: no such file, a JPEG of more than 100 scans, floating-point pixels, more channels than red, green,
            blue and transparency, too little memory.
    """
    with _opened(file, formats, max_megapixels, decode=True) as (image, facts):
        enough = None if least is None else least(facts.size)
        if enough is not None:
            height, width = enough[::-1] if facts.orientation in TURNED else enough
            image.draft(image.mode, (width, height))
        is_deep = image.mode.startswith("I") or any(";16" in str(part) for part in image.tile[:1])
        try:
            image.load()
            # newer Pillow turns a TIFF by itself on loading, and takes its tag away
            left = getattr(image, "tag_v2", {ORIENTATION: facts.orientation}).get(ORIENTATION, 1)
            pixels = rgb_pixels(image, left)
        except ImageError:
            raise
        except MemoryError as error:
            needed = image.width * image.height * BYTES_PER_PIXEL / 1e9
            raise ImageError(f"reading the image takes {needed:.1f} GB of memory; make it smaller") from error
        except Exception as error:  # Pillow's decoders meet damage with OSError, SyntaxError, struct.error and others
            raise _damaged(error) from error
    return Decoded(pixels, facts, is_deep and int(pixels.max()) < _DARK)


def read_pixels(
    file: ImageFile,
    least: Least | None = None,
    formats: Sequence[str] = FORMATS,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> tuple[ImageArray, tuple[int, int]]:
    """(H, W, 3) RGB of an image file, and the (height, width) of the whole image; see `decode_image`.

    It warns of 16 bits that come out black. The warning names no file, so that of thousands it is told once.
    """
    decoded = decode_image(file, least, formats, max_megapixels)
    if decoded.is_nearly_black:
        warnings.warn(
            "an image with 16 bits has only values below 4,096 and comes out nearly black, since the highest 8 bits "
            "are kept: spread values of 10 or 12 bits over all 16",
            stacklevel=2,
        )
    return decoded.pixels, decoded.facts.size


@contextmanager
def _opened(
    file: ImageFile, formats: Sequence[str], max_megapixels: float, decode: bool = False
) -> Iterator[tuple[OpenedImage, FileFacts]]:
    """An image file opened by Pillow, once its header has been found sound, and what it says of itself."""
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
            # newer Pillow gives the upright size of a TIFF, older the stored one
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
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ImageError(f"the file cannot be read ({getattr(error, 'strerror', None) or error})") from error
    with opened:
        try:
            yield opened
        except OSError as error:  # what Pillow meets with OSError has become an ImageError before
            raise ImageError(f"the file cannot be read ({error.strerror})") from error


def _checked_jpeg(stream: BinaryIO) -> BinaryIO:
    """The content of a JPEG, whose scans have been counted."""
    stream.seek(0)
    content = stream.read()
    if count_scans(content) > MOST_SCANS:
        raise ImageError(f"the JPEG has more than {MOST_SCANS} scans and would take minutes to decode; save it again")
    return io.BytesIO(content)


@contextmanager
def _room(header: Header, decodes: bool) -> Iterator[None]:
    """Room to decode an image. A large one is decoded alone: Pillow's own limit is one for the whole process."""
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
            f"the image is too large for the Image.MAX_IMAGE_PIXELS that Pillow was given ({error})"
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
    """Refuse a TIFF of more channels than colour and transparency: Pillow drops them without a word."""
    channels = image.tag_v2.get(_SAMPLES_PER_PIXEL, 1)
    unspecified = 0 in image.tag_v2.get(_EXTRA_SAMPLES, ())
    if channels > 4 or unspecified:
        raise ImageError(f"the image has {channels} channels, and images are read as RGB, of 3; save it with 3")
