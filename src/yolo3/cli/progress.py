"""A progress bar."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def progress(
    items: Iterable[Item],
    total: int | None,
    what: str | Callable[[], str],
    size: Callable[[Item], int] = lambda _: 1,
) -> Iterator[Item]:
    """Hand the items on, showing on standard error how far they have come, if anyone is watching.

    Args:
        items: Items, taken one by one.
        total: Number of steps; None if it is not known, as of a camera.
        what: Words for what is being done, or a function that gives them anew for each item.
        size: Function that gives the number of steps that an item is; ``total`` counts steps.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    try:
        from rich.console import Console  # of the extra `train`; a plain count does without it
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
    except ModuleNotFoundError:
        yield from _counted(items, total, what, size)
    else:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        left = () if total is None else (TimeRemainingColumn(),)
        # lines printed meanwhile move above the bar, unless they go to a file
        console = Console(stderr=True)
        with Progress(*columns, *left, console=console, redirect_stdout=sys.stdout.isatty()) as bar:
            task = bar.add_task(_words(what), total=total)
            for item in items:
                yield item
                bar.update(task, advance=size(item), description=_words(what))


def _counted(
    items: Iterable[Item], total: int | None, what: str | Callable[[], str], size: Callable[[Item], int]
) -> Iterator[Item]:
    of_total = "" if total is None else f"/{total}"
    number = 0
    for item in items:
        number += size(item)
        print(f"\r{_words(what)} {number}{of_total}", end="", file=sys.stderr, flush=True)
        yield item
    print(file=sys.stderr)


def _words(what: str | Callable[[], str]) -> str:
    return what if isinstance(what, str) else what()
