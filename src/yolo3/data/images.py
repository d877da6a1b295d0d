"""Image files of data sets: found in folders, measured, and read against what their annotations say."""

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
    read_pixels,
)

IMAGE_SUFFIXES = SUFFIXES
"""How the names of image files that are read end, in lower case."""


def find_images(folder: Path) -> list[Path]:
    """Every image in a folder and the folders in it, symbolic links followed, sorted; hidden ones are passed over."""
    return files_like(folder, IMAGE_SUFFIXES)


def count_unread(folder: Path) -> Counter[str]:
    """How many images of formats that are not read lie in a folder and the folders in it, by their suffix."""
    return unread_suffixes(map(Path, files_below(folder)))


def unread_suffixes(paths: Iterable[Path]) -> Counter[str]:
    """How many of these files are images of formats that are not read, by their suffix."""
    return Counter(suffix for path in paths if (suffix := path.suffix.lower()) in UNREAD_SUFFIXES)


def in_words(unread: Counter[str]) -> str:
    """Counts by suffix in words: ``12 .heic, 1 .svg: formats that are not read``."""
    counts = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(unread.items()))
    return f"{counts}: formats that are not read"


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(height, width) of an image as a person sees it, from its header alone.

    Raises:
        DataError: a file that is missing or no image.
    """
    return facts_of(path).size


def facts_of(path: str | os.PathLike[str]) -> FileFacts:
    """Size, orientation and mode of an image file, from its header alone.

    Raises:
        DataError: as `image_size`.
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
) -> ImageArray:
    """Read an image as a person sees it: upright, and as RGB whatever it is stored as.

    Transparency is dropped, of 16 bits the highest 8 are kept, and of an animation the first frame is read.

    Args:
        path: Path of the file.
        at_least: (height, width) that are enough: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, but no smaller
            than this, which is several times faster.
        expected_size: (height, width) that the annotations give the image at full size.
        max_megapixels: Largest image, in 10⁶ pixels. Reading takes about 7 bytes a pixel.

    Returns:
        (H, W, 3) RGB.

    Raises:
        DataError: a file that is missing, truncated or no image; an image above the limit or of another size.
    """
    return read_reduced(path, lambda _: at_least, expected_size, max_megapixels)[0]


def read_reduced(
    path: str | os.PathLike[str],
    least: Least | None = None,
    expected_size: tuple[int, int] | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> tuple[ImageArray, tuple[int, int]]:
    """Read as much of an image as is enough.

    Args:
        path: Path of the file.
        least: From the (height, width) of the image to those that are enough, as in `read_image`; None is all of it.
        expected_size: as in `read_image`.
        max_megapixels: as in `read_image`.

    Returns:
        (H, W, 3) RGB, and the (height, width) of the whole image.

    Raises:
        DataError: as `read_image`.
    """
    try:
        return read_pixels(path, partial(_as_expected, path, expected_size, least), max_megapixels=max_megapixels)
    except ImageError as error:
        raise located(path, error) from error


def examined(path: str | os.PathLike[str], expected_size: tuple[int, int], max_megapixels: float) -> Decoded:
    """Decode an image to its end, as small as that goes, and tell what it is; for those who look for faults.

    Raises:
        DataError: as `read_image`.
    """
    try:
        least = partial(_as_expected, path, expected_size, lambda _: (1, 1))
        return decode_image(path, least, max_megapixels=max_megapixels)
    except ImageError as error:
        raise located(path, error) from error


def located(place: str | os.PathLike[str], error: ImageError) -> DataError:
    """The error of an image that cannot be read, with its place and what to do."""
    if isinstance(error, ImageTooLarge):
        pixels = error.width * error.height
        fix = f"make it smaller, or allow it with max_megapixels={math.ceil(pixels / 1e6)} (--max-megapixels)"
        return DataError(f"{place}: {error}; {fix}, and about {pixels * BYTES_PER_PIXEL / 1e9:.1f} GB of memory")
    if isinstance(error, UnknownImage) and (suffix := Path(place).suffix.lower()) in UNREAD_SUFFIXES:
        return DataError(f"{place}: {suffix} files are not read; convert it to JPEG or PNG")
    if isinstance(error, UnknownImage | DamagedImage):
        return DataError(f"{place}: {error}; replace it or take it out")
    return DataError(f"{place}: {error}")


def _as_expected(
    path: str | os.PathLike[str], expected: tuple[int, int] | None, least: Least | None, seen: tuple[int, int]
) -> tuple[int, int] | None:
    """What is enough of an image of (height, width), once that is found to be what its annotations say."""
    if expected is None or seen == expected:
        return None if least is None else least(seen)
    text = f"{path}: the image is {seen[1]} x {seen[0]}, its annotation says {expected[1]} x {expected[0]}"
    if seen == expected[::-1] and file_facts(path).orientation in TURNED:
        raise DataError(
            f"{text}: it was annotated before its EXIF rotation; rotate the stored image and drop its EXIF tag"
        )
    raise DataError(f"{text}; is it another image?")
