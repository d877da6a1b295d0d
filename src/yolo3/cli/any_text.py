"""Any text on any terminal, pipe or file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper


@contextmanager
def any_text() -> Iterator[None]:
    """Around a command: what standard output or error cannot encode is written as an escape.

    That is a path in another script, a sign such as ≥ where the encoding is an old one of Windows, or the name of a
    file that is not UTF-8. A closed stream, which is None in Python, takes everything and drops it.
    """
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout, sys.stderr = (stream or nowhere for stream in before)
        changed = [(stream, stream.errors) for stream in before if isinstance(stream, TextIOWrapper)]
        for stream, _ in changed:
            stream.reconfigure(errors="backslashreplace")
        try:
            yield
        finally:
            for stream, errors in changed:
                with suppress(ValueError, OSError):  # closed meanwhile; or what it still holds cannot be written
                    stream.reconfigure(errors=errors)
            sys.stdout, sys.stderr = before
