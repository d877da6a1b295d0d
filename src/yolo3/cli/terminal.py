"""What a command prints: warnings in one line, and no harm done when nobody reads on."""

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_NOBODY_READS = (errno.EPIPE, errno.EIO)  # the reader of a pipe has ended, as `head` does; a terminal has been closed


@contextmanager
def printing(command: str) -> Iterator[None]:
    """Around a command: its work goes on when its output is no longer read, and a warning is one line.

    Args:
        command: The name of the command.
    """
    plain = sys.stdout
    shown = warnings.formatwarning
    forgiving = Forgiving(plain)
    sys.stdout = forgiving
    warnings.formatwarning = lambda message, *_, **__: f"yolo3 {command}: warning: {' '.join(str(message).split())}\n"
    try:
        yield
    finally:
        warnings.formatwarning = shown
        forgiving.flush()
        if sys.stdout is forgiving:
            sys.stdout = plain


class Forgiving:
    """Standard output whose reader may leave: what is written after that goes nowhere.

    Args:
        stream: The stream to write to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if anyone reads."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._go_on(error)
            return len(text)

    def flush(self) -> None:
        """Flush, if anyone reads."""
        try:
            self._stream.flush()
        except OSError as error:
            self._go_on(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _go_on(self, error: OSError) -> None:
        if error.errno not in _NOBODY_READS:
            raise error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())  # what the stream still holds goes there too
        os.close(nowhere)
