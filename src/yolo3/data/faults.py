"""Faults of a data set, described so that they can be fixed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal[
    "syntax", "missing", "path", "image", "size", "class", "reference", "not finite", "reversed", "outside", "empty"
]

_LEFT_OUT: dict[FaultKind, str] = {
    "syntax": "annotation that cannot be read",
    "missing": "missing file",
    "path": "path that may mean another file",
    "image": "image that cannot be read",
    "size": "image without a size",
    "class": "object of an unknown class",
    "reference": "reference to nothing",
    "not finite": "box that is not four numbers",
    "reversed": "reversed box",
    "outside": "box outside its image",
    "empty": "box without area",
}


class DataError(ValueError):
    """A data set or an image that cannot be used as it is. The message names the place and the fix."""


@dataclass(frozen=True)
class Fault:
    """One fault at one place of a data set."""

    kind: FaultKind
    """Kind of fault, by which faults are counted."""
    place: str
    """File, with line or record where there is one: ``train.txt:7``."""
    text: str
    """Description of the fault and its fix, in one line."""

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


OnFault = Callable[[Fault], None]
"""Function that a reader calls with each fault. If it returns, the reader leaves out the faulty item and continues."""


def refuse(fault: Fault) -> None:
    """Stop at the first fault.

    Raises:
        DataError: Always.
    """
    raise DataError(str(fault))


class LeaveOut:
    """Counts faults instead of stopping at the first, so that every faulty item is left out."""

    def __init__(self) -> None:
        self._counts: Counter[FaultKind] = Counter()
        self._first: dict[FaultKind, Fault] = {}

    def __call__(self, fault: Fault) -> None:
        """Count a fault."""
        self._counts[fault.kind] += 1
        self._first.setdefault(fault.kind, fault)

    def __len__(self) -> int:
        return self._counts.total()

    def lines(self) -> list[str]:
        """The number of faults of each kind, and the first of each; one line per kind."""
        return [
            f"left out: {count:,} x {_LEFT_OUT[kind]}; the first is {self._first[kind]}"
            for kind, count in self._counts.most_common()
        ]
