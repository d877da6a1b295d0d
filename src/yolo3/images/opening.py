"""Opening image files: the bytes, a check of what the header states, Pillow."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeAlias

from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile as OpenedImage

from yolo3.images.errors import DamagedImage, ImageError
from yolo3.images.gate import Gate
from yolo3.images.header import Header
from yolo3.images.jpeg import MOST_SCANS, count_scans
from yolo3.images.rows import row_content

ImageFile: TypeAlias = str | os.PathLike[str] | bytes
"""Path of an image file, address of an image in a Parquet file, or the content of an image file."""

BYTES_PER_PIXEL = 7
"""Memory per pixel while reading: Pillow's four bytes and three of the array."""
_BYTES_PER_WEBP_PIXEL = 23  # its decoder has two canvases of four bytes and returns a third as bytes, twice
_BYTES_PER_BANDS = 32  # of four channels: as stored, at most eight bytes each, and as float32
_ALONE = 80_000_000  # pixels; Pillow warns above 89 million, and refuses above twice that
_DECODING = Gate(2**30)  # shared by the process; it limits what threads decode at once and does not affect results


@contextmanager
def stream_of(file: ImageFile) -> Iterator[BinaryIO]:
    """The bytes of a file.

    Raises:
        ImageError: A file that is missing or cannot be read.
    """
    if isinstance(file, bytes):
        yield io.BytesIO(file)
        return
    try:
        mode = os.stat(file).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening a pipe waits for somebody to write
            raise ImageError("the file cannot be read (not a file)")
        opened: BinaryIO = open(file, "rb")  # closed below
    except (FileNotFoundError, NotADirectoryError) as error:
        content = row_content(file)
        if content is None:
            raise ImageError("no such image") from error
        opened = io.BytesIO(content)
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: an impossible file name
        raise ImageError(f"the file cannot be read ({getattr(error, 'strerror', None) or error})") from error
    with opened:
        try:
            yield opened
        except OSError as error:  # OSErrors of Pillow were converted to ImageError before
            raise ImageError(f"the file cannot be read ({error.strerror})") from error


def checked_jpeg(stream: BinaryIO) -> BinaryIO:
    """The content of a JPEG, after a check of its number of scans."""
    stream.seek(0)
    content = stream.read()
    if count_scans(content) > MOST_SCANS:
        raise ImageError(f"the JPEG has more than {MOST_SCANS} scans and would take minutes to decode; save it again")
    return io.BytesIO(content)


@contextmanager
def room(header: Header, decodes: bool) -> Iterator[None]:
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
        with _DECODING.hold(header.num_pixels * _bytes_per_pixel(header)):
            yield
    else:
        yield


@contextmanager
def by_pillow(stream: BinaryIO, format: str) -> Iterator[OpenedImage]:
    """An image opened by Pillow, which has not decoded it.

    Raises:
        ImageError: A damaged image; one above a limit that was set in Pillow.
    """
    try:
        image = Image.open(stream, formats=(format,))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"the image is too large for the Image.MAX_IMAGE_PIXELS that was set in Pillow ({error})"
        ) from error
    except (KeyError, UnidentifiedImageError) as error:
        raise DamagedImage(f"the image is damaged, or this Pillow was built without {format}") from error
    except Exception as error:  # as in `decode_image`
        raise damaged(error) from error
    with image:
        yield image


def _bytes_per_pixel(header: Header) -> int:
    if header.bands:
        return _BYTES_PER_BANDS
    return _BYTES_PER_WEBP_PIXEL if header.format == "WEBP" else BYTES_PER_PIXEL


def damaged(error: Exception) -> DamagedImage:
    """The error of an image that a decoder has failed on."""
    return DamagedImage(f"the image is damaged ({' '.join(str(error).split())})")
