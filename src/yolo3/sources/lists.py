"""Lists of images: text files with a path on each line, read as they are needed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from yolo3.data import IMAGE_SUFFIXES
from yolo3.sources.kinds import STDIN, suffix_of
from yolo3.sources.remote import opened

_MARK = b"\xef\xbb\xbf"  # that some editors begin a UTF-8 file with


def list_entries(source: str) -> Iterator[str]:
    """The lines of a list that are not blank, one by one, so that it may be of any length.

    A line is a path as it stands, blanks at its ends included; relative paths begin in the current folder. Bytes that
    are no UTF-8 are kept, as file names may have them.

    Args:
        source: Path or address of the list, or ``-`` for standard input.

    Raises:
        ValueError: A list that cannot be read.
    """
    with _lines(source) as lines:
        for number, line in enumerate(lines):
            line = line.removeprefix(_MARK) if number == 0 else line
            entry = line.rstrip(b"\r\n").decode(errors="surrogateescape")
            if entry.strip():
                yield entry


def count_entries(source: str) -> int | None:
    """The number of images in a list; None where that is not known without looking at the entries."""
    if source == STDIN:
        return None
    count = 0
    for entry in list_entries(source):
        if suffix_of(entry) not in IMAGE_SUFFIXES:
            return None
        count += 1
    return count


@contextmanager
def _lines(source: str) -> Iterator[BinaryIO]:
    if source == STDIN:
        yield sys.stdin.buffer
        return
    with opened(source) as file:
        yield file
