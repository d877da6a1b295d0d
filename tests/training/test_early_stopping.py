"""Stopping when it gets no better."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from yolo3.checkpoint import read_card
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
