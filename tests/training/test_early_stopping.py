"""Stopping when it gets no better."""

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from yolo3 import YoloLoss, YOLOv3
from yolo3.checkpoint import read_card
from yolo3.training import DetectionTask
from yolo3.training.early_stopping import ResumableEarlyStopping
from yolo3.training.measuring import coco_metrics


@pytest.fixture(autouse=True)
def _steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """AP rises to 0.3 at the second measurement, and only at the fifth passes it."""
    values = iter([0.1, 0.3, 0.3, 0.2, 0.9, 0.9])

    def measured(*arguments: Any) -> Any:
        return replace(coco_metrics(*arguments), AP=next(values))

    monkeypatch.setattr("yolo3.training.measuring.coco_metrics", measured)


def test_training_ends_when_ap_has_not_risen_and_stays_ended(
    trial: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial.run(tmp_path, epochs=6, validate_every=1, patience=2)

    assert _aps(tmp_path) == [0.1, 0.3, 0.3, 0.2]
    assert read_card(tmp_path).metrics["AP"] == 0.3
    assert read_card(tmp_path / "last").metrics["AP"] == 0.2
    assert (tmp_path / "losses.png").exists()
    assert "early stopping: no better AP in 2 evaluations\n" in capsys.readouterr().out

    before = (tmp_path / "last" / "model.json").read_text()
    trial.run(tmp_path, epochs=6, validate_every=1, patience=2, resume=True)

    assert _aps(tmp_path) == [0.1, 0.3, 0.3, 0.2]
    assert (tmp_path / "last" / "model.json").read_text() == before
    assert "early stopping: no better AP in 2 evaluations\n" in capsys.readouterr().out


def test_patience_that_lasts(trial: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial.run(tmp_path, epochs=2, validate_every=1, patience=1)

    assert len(_aps(tmp_path)) == 2
    assert "stopped" not in capsys.readouterr().out


def _aps(folder: Path) -> list[float]:
    with (folder / "results.csv").open(newline="") as file:
        return [round(float(row["AP"]), 3) for row in csv.DictReader(file)]


def _task(best: float, best_step: int) -> tuple[ResumableEarlyStopping, Any]:
    """Of 1,000 steps with a warm-up of 50."""
    stopping = ResumableEarlyStopping(3)
    stopping.best_score = torch.tensor(best)
    stopping._best_step = best_step
    task = DetectionTask(YOLOv3(3, width=0.125), YoloLoss(), num_steps=1000)
    return stopping, task


@pytest.mark.parametrize(
    ("best", "best_step", "step", "counts"),
    [
        (0.3, 300, 900, True),
        (0.3, 10, 40, False),  # the learning rate still rises
        (0.04, 300, 900, False),  # AP has not risen yet
        (0.3, 890, 900, False),  # the average looks back over 101 steps, and the best was 10 ago
        (0.3, 790, 900, True),
    ],
)
def test_which_evaluations_count(best: float, best_step: int, step: int, counts: bool) -> None:
    stopping, task = _task(best, best_step)
    assert stopping._counts(SimpleNamespace(global_step=step), task) is counts  # type: ignore[arg-type]


def test_a_slow_start_does_not_end_a_training(trial: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AP of six evaluations: nothing for four, then it rises."""
    values = iter([0.001, 0.0, 0.0, 0.0, 0.2, 0.3])
    monkeypatch.setattr(
        "yolo3.training.measuring.coco_metrics", lambda *given: replace(coco_metrics(*given), AP=next(values))
    )

    trial.run(tmp_path, epochs=6, validate_every=1, patience=2)

    assert _aps(tmp_path) == [0.001, 0.0, 0.0, 0.0, 0.2, 0.3]
