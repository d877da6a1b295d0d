"""Images that cannot be read: what is known of them, and what happens at one."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from yolo3.choices import OnError, check_choice
from yolo3.sources.frame import Frame

Found = TypeVar("Found")


@dataclass(frozen=True)
class Unreadable:
    """An image that could not be read."""

    path: str
    """Name of the image, see `Frame`."""
    error: Exception = field(repr=False)
    """Error of reading it."""

    @property
    def reason(self) -> str:
        """The error in one line, without the path."""
        message = " ".join(str(self.error).split()).removeprefix(self.path).lstrip(": ")
        known = isinstance(self.error, ValueError | OSError)
        return message if known and message else f"{type(self.error).__name__}: {message}"


class ErrorPlace(Protocol):
    """What takes the images that are skipped: a list, for one."""

    def append(self, error: Unreadable, /) -> Any:
        """Take one."""


def kept(
    outcomes: Iterable[tuple[Frame, Found | Unreadable]], on_error: OnError, errors: ErrorPlace | None = None
) -> Iterator[tuple[Frame, Found]]:
    """The images that could be read, each with what was found in it.

    Args:
        outcomes: Frames, each with what was found in it or its error.
        on_error: ``stop`` raises the first error; ``skip`` goes on.
        errors: Place for the images that are skipped; without one, each is a warning.

    Raises:
        ValueError: An unknown ``on_error``; with ``stop``, an image that cannot be read.
    """
    check_choice("on_error", on_error, OnError)
    for frame, found in outcomes:
        if not isinstance(found, Unreadable):
            yield frame, found
        elif on_error == "stop":
            raise found.error
        elif errors is None:
            warnings.warn(f"left out {found.path}: {found.reason}", stacklevel=3)
        else:
            errors.append(found)
