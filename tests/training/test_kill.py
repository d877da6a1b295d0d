"""`kill -9` at any moment loses at most the work since the last saving, and never leaves half a checkpoint."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from yolo3 import YOLOv3, load_checkpoint
from yolo3.data.shapes import write_shapes

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed that this system cannot fork")

_KILLED = -9


@dataclass(frozen=True)
class Killed:
    """What `killed.py` left."""

    folder: Path
    fates: dict[str, Any]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("killed")
    write_shapes(folder / "shapes", num_train=8, num_test=2, image_size=(64, 64))
    program = [sys.executable, str(Path(__file__).with_name("killed.py")), str(folder / "shapes"), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return Killed(folder, json.loads((folder / "fates.json").read_text()))


def test_a_training_that_was_killed_goes_on_to_the_same_bits(killed: Killed) -> None:
    assert killed.fates["whole"] == 0
    assert len(killed.fates["trainings"]) == 4
    whole = killed.folder / "whole"
    for moment, fate in killed.fates["trainings"].items():
        run = killed.folder / "trainings" / moment
        assert fate == [_KILLED, 0], run.with_suffix(".log").read_text()
        assert {path.name for path in run.iterdir()} == {path.name for path in whole.iterdir()}, moment
        for place in ("", "last"):
            assert _same(run / place, whole / place), moment
        assert _epochs(run) == _epochs(whole), moment
        assert (run / "metrics.json").read_text() == (whole / "metrics.json").read_text()


def test_what_it_takes_to_resume_is_the_same_too(killed: Killed, resumable: Callable[[Path], dict[str, Any]]) -> None:
    whole = resumable(killed.folder / "whole")
    for moment in killed.fates["trainings"]:
        assert resumable(killed.folder / "trainings" / moment) == whole, moment


@pytest.mark.parametrize(
    ("moment", "is_new"),
    [
        ("nothing written", False),
        ("half the weights", False),
        ("all the weights", False),
        ("weights not named", False),
        ("weights named", False),
        ("card not named", False),
        ("card named", True),
        ("old weights there", True),
        ("old weights gone", True),
    ],
)
def test_a_saving_that_was_killed_leaves_a_whole_checkpoint(killed: Killed, moment: str, is_new: bool) -> None:
    folder = killed.folder / "savings" / moment
    assert killed.fates["savings"][moment] == _KILLED, folder.with_suffix(".log").read_text()

    found = load_checkpoint(folder)[0].state_dict()

    torch.manual_seed(8 if is_new else 7)
    expected = YOLOv3(2, width=0.125).state_dict()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


def _same(one: Path, other: Path) -> bool:
    """Whether two checkpoints are the same but for where they lie."""
    return (one / "model.json").read_text() == (other / "model.json").read_text()  # it has the digest of the weights


def _epochs(run: Path) -> list[dict[str, str]]:
    with (run / "results.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]
