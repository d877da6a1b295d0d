"""Worker processes that leave signals to the training that they prepare batches for."""

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
    """A loader whose workers outlive a signal to the whole group, from the moment they begin.

    Give it ``worker_init_fn=leave_signals_to_parent``.
    """

    def __iter__(self) -> Any:
        """The batches. Workers begin with the signals held back, until they know what to do with one."""
        before = active_children()
        with _held_back():
            batches = super().__iter__()
        for process in active_children():
            if process not in before:
                atexit.register(_end, process)  # runs before torch's own, which was registered before
        return batches


def leave_signals_to_parent(worker: int) -> None:
    """A signal may reach every process of a training; the first one needs its workers until it has stopped cleanly.

    Ctrl-C in a terminal does, and SIGTERM from SLURM. It is SIGTERM too by which torch ends a worker that does not end
    itself, and multiprocessing after it: the second one counts.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, lambda *_: os._exit(0)))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


@contextmanager
def _held_back() -> Iterator[None]:
    """Meanwhile signals wait; processes that begin inherit this."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, which signals no groups
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(process: BaseProcess) -> None:
    """End a worker that is still there when this process ends.

    Torch and multiprocessing ask it twice in a row, which it may hear as once; then they would wait for it without end.
    """
    for _ in range(2):
        if process.is_alive():
            process.terminate()
            process.join(0.5)
