"""One training, whole and interrupted."""

import csv
import logging
import multiprocessing
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from lightning.pytorch import Callback, Trainer

import yolo3.training.measuring
from yolo3.checkpoint import load_checkpoint
from yolo3.data import SampleSet
from yolo3.training import DetectionTask
from yolo3.training.resuming import epochs_done


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
    for name, tensor in task.ema.module.state_dict().items():
        assert torch.equal(last.state_dict()[name], tensor)


@pytest.mark.parametrize(
    ("step", "num_workers", "number"),
    [(4, 0, signal.SIGINT), (5, 0, signal.SIGINT), (6, 1, signal.SIGINT), (1, 0, signal.SIGTERM)],
    ids=["in an epoch", "after two epochs", "at a first step, a worker", "SIGTERM in the first epoch"],
)
def test_a_resumed_training_equals_an_uninterrupted_one(
    whole: tuple[Path, DetectionTask],
    trial: Any,
    press: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    resumable: Callable[[Path], dict[str, Any]],
    step: int,
    num_workers: int,
    number: int,
) -> None:
    """To the last bit: weights, average, optimiser, schedule, all that is random, and the scores."""
    with pytest.raises(KeyboardInterrupt):
        trial.run(tmp_path / "run", epochs=4, num_workers=num_workers, callbacks=[press(step, number=number)])
    assert "stopping after this step" in capsys.readouterr().out
    resumed = trial.run(tmp_path / "run", epochs=4, num_workers=num_workers, resume=True)

    expected = whole[1].state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.state_dict().items())
    assert resumable(tmp_path / "run") == resumable(whole[0])
    assert [row["AP"] for row in _rows(tmp_path / "run")] == [row["AP"] for row in _rows(whole[0])]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_ctrl_c_twice_ends_at_once(trial: Any, press: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        trial.run(tmp_path / "run", callbacks=[press(step=1, times=2)])

    assert not (tmp_path / "run" / "last.ckpt").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_sigterm_twice_still_saves(trial: Any, press: Any, tmp_path: Path) -> None:
    """As where a system signals a group and each of its processes."""
    with pytest.raises(KeyboardInterrupt):
        trial.run(tmp_path, callbacks=[press(step=1, times=3, number=signal.SIGTERM)])

    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 2


class SignalWorkers(Callback):
    """As when a signal is sent to the whole group."""

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        for process in multiprocessing.active_children():
            os.kill(process.pid or 0, signal.SIGTERM)


def test_workers_outlive_a_signal_to_the_group(trial: Any, press: Any, tmp_path: Path) -> None:
    callbacks = [press(step=1, number=signal.SIGTERM), SignalWorkers()]
    with pytest.raises(KeyboardInterrupt):
        replace(trial).run(tmp_path, num_workers=1, callbacks=callbacks)

    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 2
    assert not multiprocessing.active_children()


class KillWorkers(Callback):
    """As the system does when memory runs out."""

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        for process in multiprocessing.active_children():
            process.kill()
            process.join()


def test_a_worker_that_dies_is_one_line(trial: Any, tmp_path: Path) -> None:
    said = r"^a data-loading worker has died \(DataLoader worker .*\); lower num_workers"
    with pytest.raises(ValueError, match=said):
        trial.run(tmp_path / "run", num_workers=1, callbacks=[KillWorkers()])


def test_a_damaged_image_is_one_line(trial: Any, tmp_path: Path) -> None:
    broken = trial.train[:4]
    path = tmp_path / "broken.jpg"
    path.write_bytes(broken[0].image.read_bytes()[:600])
    samples = SampleSet.from_samples(broken.names, [*broken[:3], replace(broken[3], image=path)])

    with pytest.raises(ValueError, match=r"^\S*broken.jpg: not an image that can be read; replace or remove it$"):
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

    with pytest.raises(ValueError, match=r"last.ckpt cannot be resumed from: it is damaged, or no file of a training"):
        trial.run(tmp_path, epochs=4, resume=True)


def test_a_resume_file_of_another_network_is_said(
    whole: tuple[Path, DetectionTask], trial: Any, tmp_path: Path
) -> None:
    content = torch.load(whole[0] / "last.ckpt", weights_only=True)
    content["state_dict"].popitem()
    torch.save(content, tmp_path / "last.ckpt")

    with pytest.raises(ValueError, match=r"last.ckpt belongs to another network; start again with --overwrite$"):
        trial.run(tmp_path, epochs=4, resume=True)


def test_there_is_a_checkpoint_though_nothing_can_be_measured(trial: Any, tmp_path: Path) -> None:
    none = {name: getattr(trial.validation[0], name)[:0] for name in ("boxes", "labels", "difficult", "crowd", "area")}
    bare = SampleSet.from_samples(trial.train.names, [replace(sample, **none) for sample in trial.validation])

    task = replace(trial, validation=bare).run(tmp_path / "run", epochs=2, validate_every=1)

    kept = load_checkpoint(tmp_path / "run")[0].state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in task.ema_detector.state_dict().items())


def test_the_last_epoch_is_measured(trial: Any, tmp_path: Path) -> None:
    trial.run(tmp_path / "run", epochs=3)  # every second one, it says

    assert [row["AP"] != "" for row in _rows(tmp_path / "run")] == [False, True, True]


def test_steps_of_several_batches_are_resumed_exactly(
    trial: Any, press: Any, tmp_path: Path, resumable: Callable[[Path], dict[str, Any]]
) -> None:
    settings = {"epochs": 2, "accumulate": 2, "freeze_backbone": 1}  # two steps an epoch: two batches, and one
    trial.run(tmp_path / "whole", **settings)
    with pytest.raises(KeyboardInterrupt):  # pressed at the first batch of a step, which is waited for
        trial.run(tmp_path / "run", callbacks=[press(step=2)], **settings)
    assert resumable(tmp_path / "run")["global_step"] == 3
    trial.run(tmp_path / "run", resume=True, **settings)

    whole = resumable(tmp_path / "whole")
    assert resumable(tmp_path / "run") == whole
    assert whole["global_step"] == 4


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (
            "train",
            r"^the data to train on is not what this training started with: 12 images with .* then, 11 with",
        ),
        (
            "validation",
            r"^the data to measure on is not .* started with: 4 images .* then, 3 with \w{12} now; ",
        ),
    ],
)
def test_a_training_goes_on_with_the_data_that_it_began_with(
    whole: tuple[Path, DetectionTask], trial: Any, tmp_path: Path, field: str, said: str
) -> None:
    shutil.copy(whole[0] / "last.ckpt", tmp_path)
    samples = getattr(trial, field)
    fewer = replace(trial, **{field: samples.subset(range(len(samples) - 1))})

    with pytest.raises(ValueError, match=said):
        fewer.run(tmp_path, epochs=4, resume=True)


class Raise(Callback):
    """What anybody's code may raise in the first step."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Broken pipe"),
        RuntimeError("Error(s) in loading state_dict for Teacher"),
        RuntimeError("my DataLoader worker is lazy"),
        SystemExit(3),
    ],
    ids=str,
)
def test_errors_of_others_stay_what_they_are(trial: Any, tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        trial.run(tmp_path, callbacks=[Raise(error)])

    assert caught.value is error


def test_a_batch_that_cannot_be_normalised_is_one_line(trial: Any, tmp_path: Path) -> None:
    one = replace(trial, train=trial.train.subset([0]), image_sizes=[(32, 32)])

    with pytest.raises(ValueError, match=r"^a batch of one image leaves one value per channel .* raise batch_size or"):
        one.run(tmp_path)


def test_of_equal_measurements_the_later_is_kept(trial: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = iter([0.2, 0.2, 0.1])
    measured = yolo3.training.measuring.coco_metrics
    monkeypatch.setattr(
        "yolo3.training.measuring.coco_metrics", lambda *each: replace(measured(*each), AP=next(values))
    )
    weights = []
    keep = Keep(weights)

    trial.run(tmp_path, epochs=6, validate_every=2, callbacks=[keep])

    kept = load_checkpoint(tmp_path)[0].state_dict()
    assert [torch.equal(kept[_SOME], each) for each in weights] == [False, False, False, True, False, False]


_SOME = "coarse_head.predict.weight"


class Keep(Callback):
    """Keeps averaged weights of each epoch."""

    def __init__(self, weights: list[Any]) -> None:
        self.weights = weights

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.weights.append(pl_module.ema_detector.state_dict()[_SOME].clone())


def test_there_may_be_more_epochs_than_a_training_began_with(trial: Any, tmp_path: Path) -> None:
    trial.run(tmp_path, epochs=1)

    task = trial.run(tmp_path, epochs=4, resume=True)

    rows = _rows(tmp_path)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    schedule, highest = task.recipe.schedule, 2e-3  # of 12 steps now, of which three are done
    rates = [highest * schedule(step, total) for step, total in ((3, 3), (6, 12), (9, 12), (12, 12))]
    assert [float(row["learning_rate"]) for row in rows] == pytest.approx(rates)
    assert epochs_done(tmp_path) == 4


class Rates(Callback):
    """The learning rate of each step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


def test_with_more_epochs_the_learning_rate_is_that_of_their_schedule_at_once(trial: Any, tmp_path: Path) -> None:
    trial.run(tmp_path, epochs=1)
    rates = Rates()

    task = trial.run(tmp_path, epochs=2, resume=True, callbacks=[rates])

    assert rates.seen == pytest.approx([2e-3 * task.recipe.schedule(step, 6) for step in (3, 4, 5)])


def test_nothing_goes_through_the_folder_for_temporary_files(
    trial: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not there"))

    trial.run(tmp_path / "run", epochs=1)

    assert (tmp_path / "run" / "last.ckpt").exists()


@pytest.mark.parametrize("name", ["last.ckpt.partial", "results.csv.partial"])
def test_a_full_disk_is_an_error_of_the_system_and_leaves_nothing_behind(trial: Any, tmp_path: Path, name: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full, which is always full")
    (tmp_path / name).symlink_to("/dev/full")

    with pytest.raises(OSError, match=r"No space left on device|cannot be written"):
        trial.run(tmp_path, epochs=1)

    assert not list(tmp_path.glob("*.partial"))


def test_the_log_of_lightning_stays_as_it_was(trial: Any, tmp_path: Path) -> None:
    logger = logging.getLogger("lightning.pytorch")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        trial.run(tmp_path, epochs=1)
        assert logger.level == logging.DEBUG
    finally:
        logger.setLevel(before)


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("keep", "chosen", "said"),
    [
        ("best", (2, 2, 0.5), "epoch 2, the best of 2 evaluations on "),
        ("last", (4, 4, 0.1), "epoch 4, the last"),
    ],
)
def test_the_epoch_to_keep(
    trial: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keep: Literal["best", "last"],
    chosen: tuple[int, int, float],
    said: str,
) -> None:
    """AP is made to be 0.3, 0.5, 0.2, 0.1 after four epochs."""
    measured = iter([0.3, 0.5, 0.2, 0.1])
    real = yolo3.training.measuring.coco_metrics
    monkeypatch.setattr(
        yolo3.training.measuring, "coco_metrics", lambda *given: replace(real(*given), AP=next(measured))
    )

    task = trial.run(tmp_path / "run", epochs=4, validate_every=1, keep=keep)

    kept, card = load_checkpoint(tmp_path / "run")
    last, last_card = load_checkpoint(tmp_path / "run" / "last")
    assert (card.selection.epoch, card.selection.evaluations, card.metrics["AP"]) == chosen
    assert str(card.selection).startswith(said)
    assert card.selection.measured_on == trial.validation.origin
    assert str(last_card.selection) == "epoch 4, the last"
    at_end = task.ema_detector.state_dict()
    assert all(torch.equal(tensor, at_end[name]) for name, tensor in last.state_dict().items())
    are_equal = all(torch.equal(tensor, at_end[name]) for name, tensor in kept.state_dict().items())
    assert are_equal == (keep == "last")
