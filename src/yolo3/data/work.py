"""Long work on many files: the caller of a reader decides in how many processes, and whether it is shown."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Work(Protocol):
    """Does something for each of many items, in order."""

    def each(self, function: Callable[[Item], Result], items: Sequence[Item], what: str) -> Iterable[Result]:
        """Apply a function that other processes can import, to items that can be sent to them.

        Args:
            function: Function; it may be called in another process.
            items: Its arguments.
            what: Name of the work, such as "reading annotations".
        """
        ...

    def watch(self, items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
        """Pass items on as they are used.

        Args:
            items: Items.
            total: Their number.
            what: Name of the work.
        """
        ...


class Quietly:
    """Everything in this process, shown nowhere."""

    def each(self, function: Callable[[Item], Result], items: Sequence[Item], what: str) -> Iterable[Result]:
        """Apply a function to each item."""
        return map(function, items)

    def watch(self, items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
        """The items."""
        return items


QUIETLY: Work = Quietly()
"""The work of readers where nobody asked for more."""
