"""The place of an image: a file, or a row of a Parquet file."""

import os
from pathlib import Path

from yolo3.images.errors import ImageError
from yolo3.images.rows import in_table, row_content, row_of


def is_there(place: str | os.PathLike[str]) -> bool:
    """Whether a place has a file, or a row of that name. Reading tells whether it is an image."""
    try:
        return os.path.isfile(place) or row_of(place) is not None
    except ImageError:  # a damaged Parquet file
        return True


def image_content(place: str | os.PathLike[str]) -> bytes:
    """The encoded image.

    Raises:
        ImageError: A row that holds no image, or cannot be read.
        OSError: A file that is missing or cannot be read.
    """
    try:
        return Path(place).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        content = row_content(place)
        if content is None:
            raise
        return content


def changed_at(place: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Size in bytes and time in nanoseconds of the file that holds an image; None if there is none."""
    found = in_table(place)
    try:
        status = os.stat(place if found is None else found[0])
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
