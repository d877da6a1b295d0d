"""What is wrong with a data set, said so that it can be mended."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal[
    "syntax", "missing", "image", "size", "class", "reference", "not finite", "reversed", "outside", "empty"
]


class DataError(ValueError):
    """A data set or a picture that cannot be used as it is; the message names the place and the mend."""


@dataclass(frozen=True)
class Fault:
    """One complaint about one place of a data set."""

    kind: FaultKind
    """What sort of complaint, for those who count them."""
    place: str
    """The file, and the line or record where there is one: ``train.txt:7``."""
    text: str
    """What is wrong and how to mend it, in a line."""

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


OnFault = Callable[[Fault], None]
"""What a reader calls at a fault. If it returns, the reader leaves the faulty thing out and goes on."""


def refuse(fault: Fault) -> None:
    """Stop at the first fault.

    Raises:
        DataError: always.
    """
    raise DataError(str(fault))
