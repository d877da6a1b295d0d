"""One training, whole and interrupted."""

import csv
import multiprocessing
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer

from yolo3.checkpoint import load_checkpoint
from yolo3.data import SampleSet
from yolo3.training import DetectionTask


class PressCtrlC(Callback):
    """As a person would, while a step runs."""

    def __init__(self, step: int, times: int = 1) -> None:
        self.step, self.times = step, times

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            self.step = -1  # a step may have several batches
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """A process that a script started in the background ignores Ctrl-C from its beginning."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def whole(trial: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DetectionTask]:
    """Four epochs of three steps, uninterrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, trial.run(folder, epochs=4)


def test_leaves_everything(whole: tuple[Path, DetectionTask]) -> None:
    folder = whole[0]

    names = {re.sub("-[0-9a-f]{12}", "", path.name) for path in folder.iterdir()}
    assert names == {"model.json", "model.safetensors", "last", "last.ckpt", "results.csv", "losses.png", "tensorboard"}
    rows = _rows(folder)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["AP"] != "" for row in rows] == [False, True, False, True]
    assert float(rows[0]["train/box"]) > float(rows[3]["train/box"])


def test_the_checkpoints_are_averaged_weights(whole: tuple[Path, DetectionTask]) -> None:
    folder, task = whole

    last, card = load_checkpoint(folder / "last")
    load_checkpoint(folder)

    assert card.metrics["AP"] == task.metrics.AP
    for name, tensor in task.average.module.state_dict().items():
        assert torch.equal(last.state_dict()[name], tensor)


@pytest.mark.parametrize(
    ("step", "num_workers"),
    [(4, 0), (5, 0), (6, 1)],
    ids=["in an epoch", "after two epochs", "at a first step, a worker"],
)
def test_a_resumed_training_equals_an_uninterrupted_one(
    whole: tuple[Path, DetectionTask],
    trial: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    resumable: Callable[[Path], dict[str, Any]],
    step: int,
    num_workers: int,
) -> None:
    """To the last bit: weights, average, optimiser, schedule, all that is random, and the scores."""
    with pytest.raises(KeyboardInterrupt):
        trial.run(tmp_path / "run", epochs=4, num_workers=num_workers, callbacks=[PressCtrlC(step)])
    assert "stopping after this step" in capsys.readouterr().out
    resumed = trial.run(tmp_path / "run", epochs=4, num_workers=num_workers, resume=True)

    expected = whole[1].state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.state_dict().items())
    assert resumable(tmp_path / "run") == resumable(whole[0])
    assert [row["AP"] for row in _rows(tmp_path / "run")] == [row["AP"] for row in _rows(whole[0])]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_twice_ends_at_once(trial: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        trial.run(tmp_path / "run", callbacks=[PressCtrlC(step=1, times=2)])

    assert not (tmp_path / "run" / "last.ckpt").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class KillWorkers(Callback):
    """As the system does when memory runs out."""

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        for process in multiprocessing.active_children():
            process.kill()
            process.join()


def test_a_worker_that_dies_is_one_line(trial: Any, tmp_path: Path) -> None:
    said = r"^a process that prepares batches has died \(DataLoader worker .*\); lower num_workers"
    with pytest.raises(ValueError, match=said):
        trial.run(tmp_path / "run", num_workers=1, callbacks=[KillWorkers()])


def test_a_damaged_picture_is_one_line(trial: Any, tmp_path: Path) -> None:
    broken = trial.train[:4]
    path = tmp_path / "broken.jpg"
    path.write_bytes(broken[0].image.read_bytes()[:600])
    samples = SampleSet.from_samples(broken.names, [*broken[:3], replace(broken[3], image=path)])

    with pytest.raises(ValueError, match=r"^\S*broken.jpg: not an image that can be read; replace it or take it out$"):
        replace(trial, train=samples).run(tmp_path / "run", num_workers=1)


def _halved(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _overwritten_in_the_middle(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(64))


@pytest.mark.parametrize(
    "damage",
    [
        _halved,
        _overwritten_in_the_middle,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("hello"),
        lambda path: torch.save({"weights": 1}, path),
        lambda path: torch.save([Path("executed")], path),
    ],
    ids=["halved", "overwritten in the middle", "empty", "text", "of no training", "of objects"],
)
def test_a_damaged_resume_file_is_said(
    whole: tuple[Path, DetectionTask], trial: Any, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    shutil.copy(whole[0] / "last.ckpt", tmp_path)
    damage(tmp_path / "last.ckpt")

    with pytest.raises(ValueError, match=r"last.ckpt cannot be resumed from: it is damaged, or of no training; begin"):
        trial.run(tmp_path, epochs=4, resume=True)


def test_a_resume_file_of_another_network_is_said(
    whole: tuple[Path, DetectionTask], trial: Any, tmp_path: Path
) -> None:
    content = torch.load(whole[0] / "last.ckpt", weights_only=True)
    content["state_dict"].popitem()
    torch.save(content, tmp_path / "last.ckpt")

    with pytest.raises(ValueError, match=r"last.ckpt is of another network; begin anew with --overwrite$"):
        trial.run(tmp_path, epochs=4, resume=True)


def test_there_is_a_checkpoint_though_nothing_can_be_measured(trial: Any, tmp_path: Path) -> None:
    none = {name: getattr(trial.validation[0], name)[:0] for name in ("boxes", "labels", "difficult", "crowd", "area")}
    bare = SampleSet.from_samples(trial.train.names, [replace(sample, **none) for sample in trial.validation])

    task = replace(trial, validation=bare).run(tmp_path / "run", epochs=2, validate_every=1)

    kept = load_checkpoint(tmp_path / "run")[0].state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in task.averaged_detector.state_dict().items())


def test_the_last_epoch_is_measured(trial: Any, tmp_path: Path) -> None:
    trial.run(tmp_path / "run", epochs=3)  # every second one, it says

    assert [row["AP"] != "" for row in _rows(tmp_path / "run")] == [False, True, True]


def test_steps_of_several_batches_are_resumed_exactly(
    trial: Any, tmp_path: Path, resumable: Callable[[Path], dict[str, Any]]
) -> None:
    settings = {"epochs": 2, "accumulate": 2, "freeze_backbone": 1}  # two steps an epoch: two batches, and one
    trial.run(tmp_path / "whole", **settings)
    with pytest.raises(KeyboardInterrupt):  # pressed at the first batch of a step, which is waited for
        trial.run(tmp_path / "run", callbacks=[PressCtrlC(step=2)], **settings)
    assert resumable(tmp_path / "run")["global_step"] == 3
    trial.run(tmp_path / "run", resume=True, **settings)

    whole = resumable(tmp_path / "whole")
    assert resumable(tmp_path / "run") == whole
    assert whole["global_step"] == 4


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))
