"""Processes of a training that are killed, and can no longer say so themselves."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from lightning.pytorch import Trainer

_PAUSE = 0.5
"""Seconds between two looks. Lightning, which ends the others without a word, looks every five."""


@contextmanager
def report_killed_processes(trainer: Trainer) -> Iterator[None]:
    """Within, a line on standard error tells of a process that Lightning has started and a signal has ended.

    Args:
        trainer: of a training in several processes; of one there is nothing to tell.
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
        is_last = over.wait(_PAUSE)  # once more then: what ended this process may be that another had been killed
        started = getattr(cast(Any, trainer.strategy.launcher), "procs", [])  # Lightning's, once they run
        for rank, process in enumerate(started, start=1):
            code = process.poll()
            if code is not None and code < 0:
                print(
                    f"process {rank} of this training (pid {process.pid}) was ended by {signal.Signals(-code).name}, "
                    "by the system, as where memory runs out, or by a person; the others end too",
                    file=sys.stderr,
                    flush=True,
                )
                return
