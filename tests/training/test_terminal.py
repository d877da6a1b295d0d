"""A training as it goes, on a terminal."""

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from rich.console import Console

from yolo3.training.terminal import LiveTerminal, memory_in_use


class PressCtrlC(Callback):
    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == 1:
            os.kill(os.getpid(), signal.SIGINT)


def _console(is_terminal: bool = True) -> Console:
    return Console(file=io.StringIO(), force_terminal=is_terminal, width=120, color_system=None)


def test_shows_what_a_training_does(trial: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolo3.training.terminal._REFRESH", 0.0)
    console = _console()

    trial.run(tmp_path, epochs=3, callbacks=[LiveTerminal(console)])

    shown = console.file.getvalue()
    assert "epoch 1/3" in shown
    assert "epoch 3/3" in shown
    assert "2/3" in shown
    assert "images/s" in shown
    assert "GB" in shown
    assert "0:00:00 left" in shown  # in the end
    assert "validation" in shown
    for term in ("background", "objectness", "box", "classes"):
        assert f"{term} " in shown
    assert "AP 0." in shown.partition("validation")[2]
    assert "best 0." in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # the cursor hides and comes back


def test_ctrl_c_leaves_the_terminal_clean(trial: Any, tmp_path: Path) -> None:
    console = _console()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            trial.run(tmp_path, callbacks=[LiveTerminal(console), PressCtrlC()])
    finally:
        signal.signal(signal.SIGINT, before)

    shown, _, left = console.file.getvalue().rpartition("\x1b[?25h")
    assert shown.count("\x1b[?25l") == 1  # the cursor was hidden and is back,
    assert re.sub(r"\x1b\[[\d;]*[A-Z]|\s", "", left) == ""  # and nothing but erasing comes after
    assert "\x1b[2K" in left
    assert (tmp_path / "last.ckpt").exists()


def test_where_nobody_watches_nothing_is_drawn(trial: Any, tmp_path: Path) -> None:
    console = _console(is_terminal=False)

    trial.run(tmp_path, epochs=1, callbacks=[LiveTerminal(console)])

    assert console.file.getvalue() == ""


def test_memory_in_use_grows_with_a_tensor() -> None:
    """In a process of its own: one that has run commands keeps the memory of their tensors."""
    program = """
import torch
from yolo3.training.terminal import memory_in_use
before = memory_in_use(torch.device("cpu"))
kept = torch.ones(50_000_000)
print(None if before is None else (memory_in_use(torch.device("cpu")) - before) / kept.nbytes)
"""
    grown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    if grown == "None":
        pytest.skip("the system does not tell")

    assert float(grown) > 0.9


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(path: Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", absent)

    assert memory_in_use(torch.device("cpu")) is None
