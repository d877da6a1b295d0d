"""Worker processes of a training, signalled as everything else in the group is."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from yolo3.training.workers import WorkerLoader, leave_signals_to_parent

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no signals to a group")


class Numbers(Dataset[Tensor]):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Tensor:
        return torch.tensor(index)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_workers_outlive_a_signal_that_comes_while_they_begin(number: signal.Signals) -> None:
    """Torch gives a worker its own handlers first; until ours are there it must not hear any signal."""
    given: list[int] = []
    previous = signal.signal(number, lambda *_: given.append(number))
    try:
        for delay in (0, 0.001, 0.003, 0.01, 0.02, 0.1) if number == signal.SIGTERM else (0, 0.01):
            batches = iter(WorkerLoader(Numbers(), num_workers=2, worker_init_fn=leave_signals_to_parent))
            time.sleep(delay)
            for process in multiprocessing.active_children():
                os.kill(process.pid or 0, number)
            assert [int(batch) for batch in batches] == list(range(8))
    finally:
        signal.signal(number, previous)


def test_this_process_hears_what_came_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    begin = BaseProcess.start

    def signalled(process: Any) -> None:
        begin(process)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # threads of other tests do not hold it back
        heard.append("begun")

    monkeypatch.setattr(BaseProcess, "start", signalled)
    previous = signal.signal(signal.SIGTERM, lambda *_: heard.append("signal"))
    try:
        batches = iter(WorkerLoader(Numbers(), num_workers=1, worker_init_fn=leave_signals_to_parent))
        assert heard == ["begun", "signal"]
        assert len(list(batches)) == 8
        assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_a_worker_ends_at_the_second() -> None:
    """By which torch and multiprocessing end one that does not end itself."""
    batches = iter(WorkerLoader(Numbers(), num_workers=1, worker_init_fn=leave_signals_to_parent))
    next(batches)
    (process,) = multiprocessing.active_children()
    for _ in range(2):
        time.sleep(0.3)
        assert process.is_alive()
        process.terminate()
    process.join(10)
    assert process.exitcode == 0
    with pytest.raises(RuntimeError, match="DataLoader worker"):
        list(batches)


def test_a_process_ends_though_its_workers_wait() -> None:
    """Nobody has read their batches to the end, as after an error that somebody looks at."""
    program = """
from yolo3.training.workers import WorkerLoader, leave_signals_to_parent
batches = iter(WorkerLoader(list(range(8)), num_workers=1, worker_init_fn=leave_signals_to_parent))
next(batches)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
