"""Means over an epoch that outlive a stop in the middle of it."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from yolo3.training.epoch_means import EpochMeans


def test_what_came_before_a_stop_counts() -> None:
    before = EpochMeans()
    first, count = before.add({"box": torch.tensor(3.0)}, 4)
    assert (first["box"].item(), count) == (3.0, 4)

    after = EpochMeans.of(before.state_dict())

    second, count = after.add({"box": torch.tensor(6.0)}, 2)
    assert (second["box"].item(), count) == (4.0, 6)
    third, count = after.add({"box": torch.tensor(5.0)}, 4)
    assert (third["box"].item(), count) == (5.0, 4)


def test_a_checkpoint_without_them_is_taken_too() -> None:
    means, count = EpochMeans.of({}).add({"box": torch.tensor(3.0)}, 4)

    assert (means["box"].item(), count) == (3.0, 4)


def test_a_resumed_epoch_is_written_down_whole(trial: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.run(tmp_path / "whole", epochs=2)
    seen: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr("yolo3.training.distributed.Vote.any", lambda *_: seen.append(0) or len(seen) == 6)
        with pytest.raises(KeyboardInterrupt):
            trial.run(tmp_path / "run", epochs=2)
    trial.run(tmp_path / "run", epochs=2, resume=True)

    for mine, its in zip(_losses(tmp_path / "run"), _losses(tmp_path / "whole"), strict=True):
        assert mine == pytest.approx(its, rel=1e-5)


def _losses(folder: Path) -> list[dict[str, float]]:
    with (folder / "results.csv").open(newline="") as file:
        return [{name: float(row[name]) for name in row if name.startswith("train/")} for row in csv.DictReader(file)]
