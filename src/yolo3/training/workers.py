"""Data-loading workers that leave signals to the training process."""

import atexit
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from typing import Any

from torch.utils.data import DataLoader

_SIGNALS = {signal.SIGINT, signal.SIGTERM}


class WorkerLoader(DataLoader[Any]):
    """A data loader whose workers survive a signal to the whole process group, from the moment they start.

    It needs ``worker_init_fn=leave_signals_to_parent``.
    """

    def __iter__(self) -> Any:
        """The batches. Workers start with signals blocked, until their handlers are installed."""
        before = active_children()
        with _signals_blocked():
            batches = super().__iter__()
        for process in active_children():
            if process not in before:
                atexit.register(_end, process)  # runs before torch's own, which was registered before
        return batches


def leave_signals_to_parent(worker: int) -> None:
    """Ignore signals in a worker: the training process needs its workers until it has stopped cleanly.

    Ctrl-C in a terminal reaches every process, and so does SIGTERM from SLURM. torch, and then multiprocessing, ends a
    worker that hangs by SIGTERM too: the second one counts.

    Args:
        worker: Number of the worker.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, lambda *_: os._exit(0)))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Context in which signals are blocked; processes that start in it inherit this."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, which signals no groups
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(process: BaseProcess) -> None:
    """Terminate a worker that is still alive when this process ends.

    torch and multiprocessing signal it twice in a row, which may arrive as one signal; they would then wait forever.
    """
    for _ in range(2):
        if process.is_alive():
            process.terminate()
            process.join(0.5)
