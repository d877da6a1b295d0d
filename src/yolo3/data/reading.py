"""Bytes, text and class names, as every reader of annotations needs them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from yolo3.data.faults import DataError


def read_bytes(path: Path, largest: int | None = None) -> bytes:
    """The content of a file.

    Args:
        path: Path of the file.
        largest: Maximum size in bytes. None accepts any size.

    Raises:
        DataError: A file that is missing or too large; something else, such as a pipe, from which reading might never
            return.
    """
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: cannot be read ({'Is a directory' if path.is_dir() else 'not a file'})")
        if largest is not None and path.stat().st_size > largest:
            raise DataError(f"{path}: {path.stat().st_size:,} bytes, where at most {largest:,} are expected")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def read_text(path: Path, largest: int | None = None) -> str:
    """A text file, with or without a byte order mark.

    Args:
        path: Path of the file.
        largest: Maximum size in bytes. None accepts any size.

    Raises:
        DataError: A file that `read_bytes` refuses or that is not UTF-8.
    """
    try:
        return read_bytes(path, largest).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file in UTF-8 ({error.reason} at byte {error.start})") from error


def read_names(path: Path) -> tuple[str, ...]:
    """Class names, one per line, as in Darknet's ``coco.names``.

    Raises:
        DataError: A file that is missing or empty, or names a class twice.
    """
    names = tuple(line.strip() for line in read_text(path).splitlines() if line.strip())
    check_names(names, str(path))
    return names


def check_names(names: Sequence[str], place: str) -> None:
    """Raise a DataError if there are no class names, an empty one, or one that appears twice."""
    if not names:
        raise DataError(f"{place}: no class names; write one per line")
    if "" in names:
        raise DataError(f"{place}: class {names.index('')} has an empty name; give it one")
    for name, times in Counter(names).items():
        if times > 1:
            raise DataError(f"{place}: class {name!r} is named twice; give every class a name of its own")
