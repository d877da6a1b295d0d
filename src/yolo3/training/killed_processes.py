"""Processes of a training that are killed by a signal, and cannot report it themselves."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from lightning.pytorch import Trainer

_PAUSE = 0.5
"""Seconds between two checks. Lightning, which ends the other processes silently, checks every five."""


@contextmanager
def report_killed_processes(trainer: Trainer) -> Iterator[None]:
    """Context that reports on standard error when a process that Lightning has started is killed by a signal.

    Args:
        trainer: Trainer of the processes; with a single process nothing is watched.
    """
    over = threading.Event()
    thread = threading.Thread(target=_look, args=(trainer, over), daemon=True)
    if trainer.world_size > 1:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if thread.ident is not None:
            thread.join()


def _look(trainer: Trainer, over: threading.Event) -> None:
    is_last = False
    while not is_last:
        is_last = over.wait(_PAUSE)  # once more: another killed process may be why this one ends
        started = getattr(cast(Any, trainer.strategy.launcher), "procs", [])  # Lightning's, once they run
        for rank, process in enumerate(started, start=1):
            code = process.poll()
            if code is not None and code < 0:
                print(
                    f"process {rank} of this training (pid {process.pid}) was killed by {signal.Signals(-code).name}, "
                    "by the system (for example when memory runs out) or by a user; the others end too",
                    file=sys.stderr,
                    flush=True,
                )
                return
