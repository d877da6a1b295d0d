"""The task and the data in a `Trainer` of one's own: what a user of Lightning expects."""

import csv
import gc
import sys
import weakref
from dataclasses import replace
from importlib import util
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from yolo3 import Predictor
from yolo3.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from yolo3.training import DetectionTask

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:Found .* in eval mode"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval"),
    pytest.mark.filterwarnings("ignore:.*dataloader is not resumable"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]

_EXAMPLE = Path(__file__).parents[2] / "examples" / "lightning_cli.py"


class Mine(Callback):
    """A callback of one's own."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.aps: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.losses.append(float(outputs["loss"]))

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.aps.append(float(trainer.callback_metrics["AP"]))


def _trainer(folder: Path, **flags: Any) -> Trainer:
    return Trainer(
        accelerator="cpu", default_root_dir=folder, enable_progress_bar=False, enable_model_summary=False, **flags
    )


def test_loggers_checkpoints_callbacks_and_flags(trial: Any, tmp_path: Path) -> None:
    mine, best = Mine(), ModelCheckpoint(tmp_path / "best", monitor="AP", mode="max")
    task = trial.task(epochs=2, accumulate=2)
    trainer = _trainer(
        tmp_path,
        max_epochs=2,
        accumulate_grad_batches=2,
        limit_train_batches=2,
        limit_val_batches=1,
        log_every_n_steps=1,
        gradient_clip_val=1.0,
        logger=CSVLogger(tmp_path, name="", version="mine"),
        callbacks=[mine, best, LearningRateMonitor("step")],
    )

    trainer.fit(task, trial.data())

    assert trainer.global_step == 2
    assert (len(mine.losses), len(mine.aps)) == (4, 3)  # the first measurement is Lightning's check before it begins
    with (tmp_path / "mine" / "metrics.csv").open(newline="") as file:
        columns = csv.DictReader(file).fieldnames
    assert {"train/box", "val/box", "AP", "AP50", "lr-AdamW/pg1", "learning_rate"} <= set(columns or ())
    again = trial.task(epochs=2)
    again.load_state_dict(torch.load(best.best_model_path, weights_only=True)["state_dict"])
    (measured,) = _trainer(tmp_path, logger=False).validate(again, trial.data(), verbose=False)
    assert measured["AP"] == pytest.approx(float(best.best_model_score))


def test_a_quick_look_without_a_logger(trial: Any, tmp_path: Path) -> None:
    trainer = _trainer(tmp_path, fast_dev_run=True, logger=False)

    trainer.fit(trial.task(epochs=1), trial.data())

    assert trainer.global_step == 1
    assert trainer.callback_metrics.keys() >= {"AP", "val/box"}
    assert list(tmp_path.iterdir()) == []


def test_their_checkpoints_resume_exactly(trial: Any, tmp_path: Path) -> None:
    tasks: list[DetectionTask] = []
    for max_epochs, folder, resumed in ((2, "whole", None), (1, "run", None), (2, "run", tmp_path / "run/last.ckpt")):
        keep = ModelCheckpoint(tmp_path / folder, save_last=True)
        task = trial.task(epochs=2)
        _trainer(tmp_path, max_epochs=max_epochs, limit_val_batches=0, logger=False, callbacks=[keep]).fit(
            task, trial.data(), ckpt_path=resumed, weights_only=True
        )
        tasks.append(task)

    whole, half, resumed = (task.state_dict() for task in tasks)
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())
    assert not all(torch.equal(tensor, half[name]) for name, tensor in whole.items())


def test_so_do_those_from_the_middle_of_an_epoch_without_a_count_of_steps(trial: Any, tmp_path: Path) -> None:
    tasks: list[DetectionTask] = []
    for resumed in (None, tmp_path / "epoch=1-step=4.ckpt"):
        keep = ModelCheckpoint(tmp_path, every_n_train_steps=4, save_top_k=-1)
        task = trial.task(epochs=2)
        task.num_steps = None
        _trainer(tmp_path, max_epochs=2, limit_val_batches=0, logger=False, callbacks=[keep]).fit(
            task, trial.data(), ckpt_path=resumed, weights_only=True
        )
        tasks.append(task)

    whole, again = (task.state_dict() for task in tasks)
    assert tasks[1].trainer.global_step == 6
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())


def test_a_training_without_an_end_needs_a_count_of_steps(trial: Any, tmp_path: Path) -> None:
    task = trial.task(epochs=1)
    trainer = _trainer(tmp_path, max_epochs=-1, max_time={"hours": 1}, logger=False, enable_checkpointing=False)
    task.num_steps = None

    with pytest.raises(ValueError, match=r"needs the total number of steps: give DetectionTask\(…, num_steps=…\)"):
        trainer.fit(task, trial.data())


@pytest.mark.parametrize("is_whole", [False, True], ids=["the detector", "the task"])
def test_what_is_compiled_trains_and_is_saved_as_what_it_was(trial: Any, tmp_path: Path, is_whole: bool) -> None:
    graphs: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: Any) -> Any:
        graphs.append(len(graph.graph.nodes))
        return graph.forward

    plain, detector = trial.task(epochs=1), trial.task(epochs=1).detector
    if is_whole:
        task = trial.task(epochs=1)
    else:
        compiled = torch.compile(detector, backend=backend)
        task = DetectionTask(compiled, plain.loss, names=plain.names, num_steps=plain.num_steps)
    trial = replace(trial, image_sizes=((64, 64),))
    data = trial.data()

    trainer = _trainer(tmp_path, max_epochs=1, num_sanity_val_steps=0, logger=False)
    trainer.fit(torch.compile(task, backend=backend) if is_whole else task, data)

    assert graphs
    assert trainer.callback_metrics.keys() >= {"AP", "val/box"}
    assert task.state_dict().keys() == plain.state_dict().keys()
    save_checkpoint(tmp_path / "kept", task.ema_detector, ModelCard(task.names, (64, 64)))
    again = load_checkpoint(tmp_path / "kept")[0].state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in task.ema_detector.state_dict().items())
    plain.load_state_dict(torch.load(next(tmp_path.rglob("*.ckpt")), weights_only=True)["state_dict"])


@pytest.mark.parametrize("precision", ["64-true", "bf16-true"])
def test_precisions_that_would_change_the_weights(trial: Any, tmp_path: Path, precision: str) -> None:
    with pytest.raises(ValueError, match=rf"^precision '{precision}' would change the type of the weights .* 32-true"):
        _trainer(tmp_path, precision=precision, max_epochs=1, logger=False).fit(trial.task(epochs=1), trial.data())


def test_images_to_test_with(trial: Any, tmp_path: Path) -> None:
    task, data = trial.task(epochs=1), trial.data()
    with pytest.raises(ValueError, match=r"^no test images: build DetectionData\(…, test=samples\)"):
        _trainer(tmp_path, logger=False).test(task, data, verbose=False)
    data.test = data.validation
    before = {name: tensor.clone() for name, tensor in task.state_dict().items()}

    (tested,) = _trainer(tmp_path, logger=False).test(task, data, verbose=False)

    (measured,) = _trainer(tmp_path, logger=False).validate(task, data, verbose=False)
    assert tested == {name.replace("val/", "test/"): value for name, value in measured.items()}
    assert all(torch.equal(tensor, before[name]) for name, tensor in task.state_dict().items())


def test_predictions_are_those_of_a_predictor(trial: Any, tmp_path: Path) -> None:
    task, samples = trial.task(epochs=1), trial.validation
    with torch.no_grad():
        for head in ("coarse_head", "medium_head", "fine_head"):  # a score of a half for all, so that there is some
            task.ema.module.get_submodule(head).predict.bias.zero_()
    data = trial.data()
    data.test, data.batch_size = data.validation, 3

    found = _trainer(tmp_path, logger=False).predict(task, data)

    predictor = Predictor(task.ema_detector, trial.train.names, (64, 64), precision="fp32", device="cpu")
    expected = predictor([sample.image for sample in samples])
    assert [len(batch) for batch in found or []] == [3, 1]
    for mine, its in zip([each for batch in found or [] for each in batch], expected, strict=True):
        assert len(mine) == len(its) > 0
        torch.testing.assert_close(mine.boxes, its.boxes, rtol=1e-4, atol=1e-3)
        assert mine.names == its.names


def test_a_loop_of_ones_own_keeps_no_batches(trial: Any) -> None:
    task = trial.task(epochs=1)
    task.log_dict = lambda *_, **__: None
    batch = next(iter(trial.data().train_dataloader()))
    kept = weakref.ref(batch[0])

    task.training_step(batch, 0).backward()

    del batch
    gc.collect()
    assert kept() is None


@pytest.fixture
def example() -> Any:
    spec = util.spec_from_file_location("lightning_cli", _EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")  # Lightning's
def test_lightning_cli_builds_both_from_yaml(
    example: Any, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    changes = {
        "model.detector.init_args.width": 0.125,
        "data.folder": shapes,
        "data.image_size": [64, 64],
        "data.batch_size": 4,
        "data.num_workers": 0,
        "trainer.max_epochs": 1,
        "trainer.check_val_every_n_epoch": 1,
        "trainer.accelerator": "cpu",
        "trainer.enable_progress_bar": False,
        "trainer.enable_model_summary": False,
    }
    flags = [f"--{name}={value}" for name, value in changes.items()]

    monkeypatch.setattr(sys, "argv", [_EXAMPLE.name, "fit", f"--config={_EXAMPLE.with_suffix('.yaml')}", *flags])

    cli = example.main()

    assert isinstance(cli.model, DetectionTask)
    assert cli.model.loss.objectness_target == "iou"
    assert cli.trainer.global_step == 3
    run = tmp_path / "runs" / "lightning_logs" / "version_0"
    assert (run / "config.yaml").exists()
    assert (run / "checkpoints" / "last.ckpt").exists()
