"""The images that could not be read, as JSON lines."""

import json
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from yolo3.results.lines import Lines
from yolo3.sources import Unreadable

FILE = "errors.jsonl"
"""Name of the file in a folder of results."""


class ErrorLog(AbstractContextManager["ErrorLog"]):
    """A file with a line per image that could not be read, ``{"path": …, "reason": …}``; none without one.

    Args:
        path: File to write.

    Attributes:
        count: Number of images so far.
        first: First of them.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._file: Lines | None = None
        self.count = 0
        self.first: Unreadable | None = None

    def append(self, error: Unreadable) -> None:
        """Write one, at once."""
        if self._file is None:
            self._file = Lines(self._path)
        self._file.write(error_line(error.path, error.reason))
        self.count += 1
        self.first = self.first or error

    def __str__(self) -> str:
        """As in ``, 2 could not be read``; nothing without any."""
        return f", {self.count:,} could not be read" if self.count else ""

    def __exit__(self, *_: Any) -> None:
        if self._file is not None:
            self._file.close()


def error_line(path: str, reason: str) -> str:
    """The line of an image."""
    return json.dumps({"path": path, "reason": reason}, ensure_ascii=False) + "\n"


def write_errors(path: str | os.PathLike[str], errors: Iterable[tuple[str, str]]) -> None:
    """Write a line per (path, reason)."""
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(error_line(*each) for each in errors)
