"""Image files of data sets: found in folders, measured, and checked against their annotations."""

import math
import os
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from yolo3.data.faults import DataError
from yolo3.data.listing import files_below, files_like
from yolo3.images import (
    BYTES_PER_PIXEL,
    MAX_MEGAPIXELS,
    SUFFIXES,
    TURNED,
    UNREAD_SUFFIXES,
    DamagedImage,
    Decoded,
    FileFacts,
    ImageArray,
    ImageError,
    ImageTooLarge,
    Least,
    UnknownImage,
    decode_image,
    file_facts,
    image_content,
    read_pixels,
)
from yolo3.images.rows import row_place

IMAGE_SUFFIXES = SUFFIXES
"""Suffixes of image files that are read, in lower case."""
_ARRAY = ".npy"


def find_images(folder: Path) -> list[Path]:
    """All images in a folder and its subfolders, sorted. Symbolic links are followed, hidden files skipped.

    An array beside an image of the same name is left out: other programs keep decoded images so.
    """
    return without_copies(files_like(folder, IMAGE_SUFFIXES))


def without_copies(paths: Iterable[Path]) -> list[Path]:
    """Image files without the arrays (``.npy``) that stand beside an image of the same name."""
    paths = list(paths)
    others = {path.with_suffix("") for path in paths if path.suffix.lower() != _ARRAY}
    return [path for path in paths if path.suffix.lower() != _ARRAY or path.with_suffix("") not in others]


def find_and_count(folder: Path) -> tuple[list[Path], Counter[str]]:
    """All images in a folder and its subfolders, and the number of those in unsupported formats, in one listing."""
    files = [Path(path) for path in files_below(folder)]
    found = sorted(path for path in files if path.suffix.lower() in IMAGE_SUFFIXES)
    return without_copies(found), unread_suffixes(files)


def count_unread(folder: Path) -> Counter[str]:
    """The number of images in unsupported formats in a folder and its subfolders, by suffix."""
    return unread_suffixes(map(Path, files_below(folder)))


def unread_suffixes(paths: Iterable[Path]) -> Counter[str]:
    """The number of images in unsupported formats among files, by suffix."""
    return Counter(suffix for path in paths if (suffix := path.suffix.lower()) in UNREAD_SUFFIXES)


def in_words(unread: Counter[str]) -> str:
    """Counts by suffix as text: ``12 .heic, 1 .svg: formats that are not read``."""
    counts = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(unread.items()))
    return f"{counts}: formats that are not read"


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(height, width) of the upright image, from its header alone.

    Raises:
        DataError: A file that is missing or not an image.
    """
    return facts_of(path).size


def facts_of(path: str | os.PathLike[str]) -> FileFacts:
    """Size, orientation, mode and channels of an image file, from its header alone.

    Raises:
        DataError: A file that is missing or not an image.
    """
    try:
        return file_facts(path)
    except ImageError as error:
        raise located(path, error) from error


def read_image(
    path: str | os.PathLike[str],
    at_least: tuple[int, int] | None = None,
    expected_size: tuple[int, int] | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    channels: int | None = None,
) -> ImageArray:
    """Read an image: upright, and for eyes as RGB whatever its mode, or with the channels that a network takes.

    For eyes, transparency is dropped, and the highest 8 of 16 bits are kept. Of an animation the first frame is read.

    Args:
        path: Path of the file.
        at_least: Minimum (height, width): a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, but not smaller than
            this, which is several times faster. None reads the full size.
        expected_size: (height, width) of the full image according to its annotations. None checks nothing.
        max_megapixels: Largest image, in 10⁶ pixels. Reading takes about 7 bytes of memory per pixel.
        channels: Number of channels that a network takes, see `with_channels`. None gives RGB for eyes.

    Returns:
        (H, W, 3) uint8 RGB; for a network (H, W, channels), uint8, or float32 in [0, 1] for pixels of more than 8 bits.

    Raises:
        DataError: A file that is missing, truncated or not an image; an image above the limit or of another size, or of
            other channels than the network takes.
    """
    return read_reduced(path, lambda _: at_least, expected_size, max_megapixels, channels)[0]


def read_reduced(
    path: str | os.PathLike[str],
    least: Least | None = None,
    expected_size: tuple[int, int] | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    channels: int | None = None,
) -> tuple[ImageArray, tuple[int, int]]:
    """Read an image at a reduced size, if that is enough.

    Args:
        path: Path of the file.
        least: Gives the minimum (height, width), see `read_image`, for the (height, width) of the image. None reads
            the full size.
        expected_size: (height, width) of the full image according to its annotations. None checks nothing.
        max_megapixels: Largest image, in 10⁶ pixels. Reading takes about 7 bytes of memory per pixel.
        channels: Number of channels that a network takes; None gives RGB for eyes.

    Returns:
        (H, W, C), see `read_image`, and the (height, width) of the full image.

    Raises:
        DataError: See `read_image`.
    """
    try:
        checked = partial(_as_expected, path, expected_size, least)
        return read_pixels(path, checked, max_megapixels=max_megapixels, channels=channels)
    except ImageError as error:
        raise located(path, error) from error


def examined(path: str | os.PathLike[str], expected_size: tuple[int, int], max_megapixels: float) -> Decoded:
    """Decode an image completely, at the smallest possible size, to find faults.

    Raises:
        DataError: See `read_image`.
    """
    try:
        least = partial(_as_expected, path, expected_size, lambda _: (1, 1))
        return decode_image(path, least, max_megapixels=max_megapixels)
    except ImageError as error:
        raise located(path, error) from error


def checked_content(place: str | os.PathLike[str]) -> bytes:
    """The bytes of an image, as they are stored.

    Raises:
        DataError: An image that is missing, or bytes that are not an image.
    """
    try:
        content = image_content(place)
        file_facts(content)
    except ImageError as error:
        raise located(place, error) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{place}: no such image; a data set is written with its images") from error
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({error.strerror})") from error
    return content


def located(place: str | os.PathLike[str], error: ImageError) -> DataError:
    """The error of an image that cannot be read, with its place and the fix."""
    place = row_place(place) or place
    if isinstance(error, ImageTooLarge):
        pixels = error.width * error.height
        remedy = f"make it smaller, or allow it with max_megapixels={math.ceil(pixels / 1e6)} (--max-megapixels)"
        return DataError(
            f"{place}: {error}; {remedy}, which takes about {pixels * BYTES_PER_PIXEL / 1e9:.1f} GB of memory"
        )
    if isinstance(error, UnknownImage) and (suffix := Path(place).suffix.lower()) in UNREAD_SUFFIXES:
        return DataError(f"{place}: {suffix} files are not read; convert it to JPEG or PNG")
    if isinstance(error, UnknownImage | DamagedImage):
        return DataError(f"{place}: {error}; replace or remove it")
    return DataError(f"{place}: {error}")


def _as_expected(
    path: str | os.PathLike[str], expected: tuple[int, int] | None, least: Least | None, seen: tuple[int, int]
) -> tuple[int, int] | None:
    """The minimum (height, width) of an image, after a check of its size against its annotations."""
    if expected is None or seen == expected:
        return None if least is None else least(seen)
    place = row_place(path) or path
    text = f"{place}: the image is {seen[1]} x {seen[0]}, its annotation says {expected[1]} x {expected[0]}"
    if seen == expected[::-1] and file_facts(path).orientation in TURNED:
        raise DataError(
            f"{text}: it was annotated before its EXIF rotation; rotate the stored image and drop its EXIF tag"
        )
    raise DataError(f"{text}; is it another image?")
