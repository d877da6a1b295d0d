"""The progress of a download on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_WIDTH = 30  # characters
_PAUSE = 0.1  # seconds between two drawings


@contextmanager
def progress_bar(size: int) -> Iterator[Callable[[int], None]]:
    """A function that shows how many bytes have come, on a terminal; elsewhere it does nothing.

    Args:
        size: Number of bytes in all.
    """
    if not sys.stderr.isatty():
        yield lambda received: None
        return
    drawn = 0.0

    def show(received: int) -> None:
        nonlocal drawn
        now = time.monotonic()
        if received < size and now - drawn < _PAUSE:
            return
        drawn = now
        done = "#" * (_WIDTH * received // size)
        print(f"\r[{done:<{_WIDTH}}] {received / 1e6:.1f} of {size / 1e6:.1f} MB", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if drawn:
            print(file=sys.stderr)
