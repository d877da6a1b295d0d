"""Processes of a training that are killed."""

import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from yolo3.training.killed_processes import report_killed_processes


def _started(program: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", program])


def _trainer(*processes: "subprocess.Popen[bytes]", world_size: int = 2) -> Any:
    return SimpleNamespace(
        world_size=world_size, strategy=SimpleNamespace(launcher=SimpleNamespace(procs=list(processes)))
    )


def test_a_process_that_was_killed_is_told_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    sound, killed = _started("pass"), _started("import time; time.sleep(60)")
    with report_killed_processes(_trainer(sound, killed)):
        killed.kill()
        time.sleep(1.5)
    said = capsys.readouterr().err

    assert said.startswith(f"process 2 of this training (pid {killed.pid}) was killed by SIGKILL, by the system")
    assert said.count("\n") == 1
    assert sound.wait() == 0


def test_one_that_has_an_error_says_so_itself(capsys: pytest.CaptureFixture[str]) -> None:
    failed = _started("raise SystemExit(2)")
    with report_killed_processes(_trainer(failed)):
        failed.wait()
        time.sleep(1)

    assert capsys.readouterr().err == ""


def test_a_training_in_one_process_has_nobody_to_look_after() -> None:
    with report_killed_processes(_trainer(world_size=1)):
        pass
