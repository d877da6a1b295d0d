"""A text file whose lines are whole, whatever ends the writing."""

import os
from contextlib import AbstractContextManager
from typing import Any


class Lines(AbstractContextManager["Lines"]):
    r"""A new text file in UTF-8. What is written at once is there at once and as a whole, or not at all.

    Bytes of a file name that are no UTF-8 are written as JSON does: ``\udcff``.

    Args:
        path: File to make or replace.

    Raises:
        OSError: A file that cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = open(path, "wb", buffering=0)
        self._size = 0

    def write(self, text: str) -> int:
        """Append a text. A full disk leaves the file as it was before.

        Raises:
            OSError: A full disk, for one.
        """
        rest = memoryview(text.encode("utf-8", "backslashreplace"))
        size = self._size + len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self._file.truncate(self._size)
            self._file.seek(self._size)
            raise
        self._size = size
        return len(text)

    def close(self) -> None:
        """Close the file, of which nothing is left to write."""
        self._file.close()

    def __exit__(self, *_: Any) -> None:
        self.close()
