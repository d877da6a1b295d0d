"""A training whose loss or gradient is not finite stops, and says whose fault it is."""

import math
import re
import socket
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from lightning.pytorch import Callback, Trainer
from torch import Tensor, nn

from yolo3 import GroundTruth, YoloDataset, YoloLoss, YOLOv1, YoloV1Loss, YOLOv3
from yolo3.cli import main
from yolo3.data import SampleSet
from yolo3.data.mosaic import Mixup, Mosaic
from yolo3.losses.terms import SquaredErrorBox
from yolo3.structures import ScaleOutput, Targets
from yolo3.training import DetectionData, DetectionTask, NotFiniteError
from yolo3.training.nonfinite.guard import NonFiniteGuard, clipped_norm
from yolo3.training.sync_batchnorm import SyncBatchNorm2d, synchronised


class SpoiltBox:
    """A box term that is not a number."""

    def __call__(self, positives: ScaleOutput, targets: Targets) -> Tensor:
        return SquaredErrorBox()(positives, targets) * torch.nan


class AtStep(Callback):
    """Does something before a step."""

    def __init__(self, step: int, deed: Callable[[Any], None]) -> None:
        self.step, self.deed = step, deed

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        if trainer.global_step == self.step:
            self.deed(pl_module)


def _spoil_loss(task: Any) -> None:
    task.loss = replace(task.loss, box=SpoiltBox())


def _spoil_weight(task: Any) -> None:
    with torch.no_grad():
        next(task.detector.parameters())[0, 0, 0, 0] = torch.nan


def _spoil_gradient(task: Any) -> None:
    next(task.detector.parameters()).register_hook(lambda gradient: gradient * torch.inf)


def _spoil_pixel(task: Any) -> None:
    def spoilt(batch: Any, _: int) -> Any:
        images = batch[0].float() / 255
        images[2, 0, 3, 3] = torch.inf
        return images, batch[1]

    task.trainer.datamodule.on_after_batch_transfer = spoilt  # from the next batch on


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (
            _spoil_loss,
            r"^epoch 2, batch 2: the box term is nan for box 1 \((circle|square|triangle), xyxy [\d., ]+ in the "
            r"network input\) at the scale of stride 32, anchor \d, row \d, column \d in .*\.jpg; check how the "
            r"box term handles such a value\. This step was discarded$",
        ),
        (_spoil_weight, r"^epoch 2, batch 2: 1 of \d+ values of the weight backbone\.0\.conv\.weight were not finite"),
        (_spoil_gradient, r"^epoch 2, batch 2: the gradient of the weight backbone\.0\.conv\.weight"),
        (_spoil_pixel, r"^epoch 2, batch 3: some pixels are not finite in .*\.jpg; fix it or remove it"),
    ],
    ids=["term", "weight", "gradient", "pixel"],
)
def test_the_cause_is_named_and_the_last_checkpoint_stays(
    trial: Any, tmp_path: Path, deed: Callable[[Any], None], said: str
) -> None:
    saved: list[bytes] = []
    keep = AtStep(3, lambda _: saved.append((tmp_path / "last.ckpt").read_bytes()))

    with pytest.raises(NotFiniteError, match=said) as caught:
        trial.run(tmp_path, epochs=4, callbacks=[keep, AtStep(4, deed)])

    assert "\n" not in str(caught.value)
    assert (tmp_path / "last.ckpt").read_bytes() == saved[0]
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert all(tensor.isfinite().all() for tensor in state.values())


def test_what_is_left_can_be_resumed(trial: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFiniteError):
        trial.run(tmp_path / "run", epochs=2, callbacks=[AtStep(4, _spoil_loss)])

    resumed = trial.run(tmp_path / "run", epochs=2, resume=True)

    expected = trial.run(tmp_path / "whole", epochs=2).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.state_dict().items())


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec")
@pytest.mark.filterwarnings("ignore:Found .* in eval mode")
def test_of_gathered_gradients_the_right_batch_is_named(trial: Any, quiet_trainer: Any) -> None:
    task = trial.task(epochs=1)
    batches = iter(range(3))

    def spoil_the_second(batch: Any, _: int) -> Any:
        images = batch[0].float() / 255
        images[3] += torch.nan if next(batches) == 1 else 0
        return images, batch[1]

    data = trial.data()
    data.on_after_batch_transfer = spoil_the_second
    trainer = quiet_trainer(max_epochs=1, accumulate_grad_batches=3)

    with pytest.raises(NotFiniteError, match=r"^epoch 1, batch 2: some pixels"):
        trainer.fit(task, data)


def test_files_of_mixed_images(training_set: SampleSet, validation_set: SampleSet) -> None:
    images = Mixup(Mosaic(training_set), probability=1.0)
    data = DetectionData(YoloDataset(images, encoder=None, image_size=64), validation_set, batch_size=4)
    keys = list(data.keys())

    files = data.files(epoch=0, step=1)

    assert [len(names) for names in files] == [8, 8, 8, 8]
    assert [names[0] for names in files] == [training_set[key.index].image for key in keys[1]]
    assert {name for names in files for name in names} <= {sample.image for sample in training_set}
    assert data.files(epoch=1, step=1) != files


def test_a_scaler_leaves_out_a_step_and_that_is_no_fault() -> None:
    def trainer(scale: float) -> Any:
        plugin = SimpleNamespace(scaler=SimpleNamespace(get_scale=lambda: scale))
        return SimpleNamespace(precision_plugin=plugin, current_epoch=0, world_size=1)

    guard, inf, loss = NonFiniteGuard(), torch.tensor(torch.inf), torch.tensor(1.0)
    guard.record(0, (torch.empty(0), None), loss)  # type: ignore[arg-type]
    guard.check(trainer(65536.0), None, None, inf, ())  # type: ignore[arg-type]

    with pytest.raises(NotFiniteError, match="the gradient is not finite in this step, though each image"):
        guard.check(trainer(1.0), None, None, inf, ())  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [None, 0, 2.0])
def test_the_norm_of_the_gradient(limit: float | None) -> None:
    layer = nn.Linear(2, 1)
    layer.weight.grad, layer.bias.grad = torch.tensor([[2.0, 4.0]]), torch.tensor([4.0])
    plugin = SimpleNamespace(main_params=lambda optimizer: layer.parameters())
    task: Any = SimpleNamespace(trainer=SimpleNamespace(precision_plugin=plugin))

    assert clipped_norm(task, torch.optim.SGD(layer.parameters()), limit).item() == pytest.approx(6)
    assert layer.bias.grad.item() == pytest.approx(4 / 3 if limit else 4)


def test_the_command_says_it_in_a_line(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # the module that the command runs, though another test has imported it anew
    monkeypatch.setattr(import_module("yolo3.cli.train"), "build_loss", lambda *_: YoloLoss(box=SpoiltBox()))
    options = ["--width", "0.125", "--image-size", "64", "--num-workers", "0", "--precision", "fp32", "--epochs", "1"]

    assert main(["train", str(shapes), "--output", str(tmp_path / "run"), *options]) == 2

    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("yolo3 train: error: epoch 1, batch 1: the box term is nan for box 1")


def _check_in_one_of_two(rank: int, port: int, gradient: float) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    plugin = SimpleNamespace(forward_context=nullcontext)
    trainer: Any = SimpleNamespace(precision_plugin=plugin, world_size=2, current_epoch=0, datamodule=None)
    images, truth = torch.rand(2, 3, 64, 64), GroundTruth.collate([(torch.empty(0, 4), torch.empty(0).long())] * 2)
    if rank == 1:
        images[1, 0, 0, 0] = torch.nan
    detector, guard = YOLOv3(3, width=0.125), NonFiniteGuard()
    guard.record(0, (images, truth), torch.tensor(torch.nan if rank == 1 else 1.0))
    with synchronised(detector, torch.device("cpu")):
        with pytest.raises(NotFiniteError, match=r"^epoch 1, batch 1: some pixels .* in image 2 of the batch;"):
            guard.check(trainer, detector, YoloLoss(), torch.tensor(gradient), ())
        assert any(isinstance(module, SyncBatchNorm2d) for module in detector.modules())
    dist.destroy_process_group()


@pytest.mark.parametrize("gradient", [math.nan, 1.0], ids=["in the gradient", "in the loss of one alone"])
def test_each_of_two_processes_names_the_cause_of_one(gradient: float) -> None:
    """Though their normalisation is synchronised, and the one that finds nothing searches longer."""
    if "fork" not in mp.get_all_start_methods():
        pytest.skip("two processes are started by fork, which is not to be had here")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])

    running = mp.start_processes(_check_in_one_of_two, (port, gradient), 2, join=False, start_method="fork")

    end = time.monotonic() + 60
    while not running.join(timeout=1):
        if time.monotonic() > end:
            for process in running.processes:
                process.kill()
            pytest.fail("two processes did not end within 60 s; one waits for the other")


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec")
@pytest.mark.filterwarnings("ignore:Found .* in eval mode")
def test_yolov1_is_guarded_too(trial: Any, quiet_trainer: Any) -> None:
    detector = YOLOv1(3, grid=1, width=0.0625, hidden=8)
    nn.init.constant_(detector.head[-1].bias, 3.0)  # 1e38 · (2² + 3² + 3²) is too much
    task = DetectionTask(detector, YoloV1Loss(3, class_weight=1e38), names=trial.train.names, num_steps=3)
    trainer = quiet_trainer(max_epochs=1)

    said = r"^epoch 1, batch 1: the classes term is (inf|nan) .*"
    with pytest.raises(NotFiniteError, match=said) as caught:
        trainer.fit(task, trial.data())
    assert re.search(r"for box 1 \(\w+, xyxy .*\) in the cell of row 0, column 0 in .*\.jpg;", str(caught.value))
