"""Work on many files: with a progress bar, and on all cores."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from yolo3.cli.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")

_MANY = 2_000
"""Items from which on a bar is shown, and processes are worth their start."""
_AT_ONCE = 256


class OnAllCores:
    """Fits `yolo3.data.work.Work`."""

    def each(self, function: Callable[[Item], Result], items: Sequence[Item], what: str) -> Iterator[Result]:
        """Apply a function to each item, in as many processes as there are cores if there are many items."""
        cores = _cores()
        if len(items) < _MANY:
            yield from map(function, items)
        elif cores == 1:
            yield from self.watch(map(function, items), len(items), what)
        else:
            # a fork would copy the threads' locks, but not the threads
            context = multiprocessing.get_context("spawn")
            with context.Pool(cores, _leave_interrupts_to_the_parent) as pool:  # an interrupt ends the processes
                yield from self.watch(pool.imap(function, items, chunksize=_AT_ONCE), len(items), what)

    def watch(self, items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
        """Pass items on, with a bar if there are many."""
        if total >= _MANY:
            items = progress(items, total, what)
        yield from items


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
