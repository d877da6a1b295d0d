"""A progress bar."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Iterable[Item], total: int | None, what: str) -> Iterator[Item]:
    """Hand the items on, showing on standard error how far they have come, if anyone is watching.

    Args:
        items: taken one by one.
        total: how many there will be; None is not known, as of a camera.
        what: is being done.
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
        yield from _counted(items, total, what)
    else:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        left = () if total is None else (TimeRemainingColumn(),)
        # lines printed meanwhile move above the bar, unless they go to a file
        console = Console(stderr=True)
        with Progress(*columns, *left, console=console, redirect_stdout=sys.stdout.isatty()) as bar:
            yield from bar.track(items, total, description=what)


def _counted(items: Iterable[Item], total: int | None, what: str) -> Iterator[Item]:
    of_total = "" if total is None else f"/{total}"
    for number, item in enumerate(items, start=1):
        print(f"\r{what} {number}{of_total}", end="", file=sys.stderr, flush=True)
        yield item
    print(file=sys.stderr)
