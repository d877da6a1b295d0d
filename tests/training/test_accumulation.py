"""Several batches a step."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer

from yolo3 import YoloDataset, YOLOv3
from yolo3.data.transforms import augment
from yolo3.losses import DarknetLoss
from yolo3.training import DetectionData, DetectionTask, batches_per_step, modern, num_steps


def test_a_step_sees_about_the_nominal_batch() -> None:
    assert [batches_per_step(64, size) for size in (64, 33, 32, 24, 16, 5, 1)] == [1, 2, 2, 3, 4, 13, 64]
    assert batches_per_step(64, 8, num_processes=4) == 2
    with pytest.raises(ValueError, match="nominal_batch is 8, a batch already has 16 images; lower batch_size or"):
        batches_per_step(8, 16)
    with pytest.raises(ValueError, match="nominal_batch is 24, a batch already has 32 images"):
        batches_per_step(24, 16, num_processes=2)


class CountSteps(Callback):
    """Looks at the learning rate of every step of the optimiser."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Any, optimizer: Any) -> None:
        self.rates.append(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize("accumulate", [2, 5])
def test_the_schedule_and_the_average_count_steps_of_the_optimiser(
    trial: Any, tmp_path: Path, accumulate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = CountSteps()
    averaged: list[int] = []
    monkeypatch.setattr("yolo3.training.ema.EMA.update", lambda *values: averaged.append(values[2]))

    task = trial.run(tmp_path, epochs=2, accumulate=accumulate, callbacks=[count])

    steps = num_steps(trial.data(), epochs=2, accumulate=accumulate)
    assert steps == {2: 4, 5: 2}[accumulate]  # of three batches an epoch
    assert task.trainer.global_step == steps
    assert [step - averaged[0] for step in averaged] == list(range(steps))
    schedule = task.recipe.schedule
    assert count.rates == pytest.approx([2e-3 * schedule(step, steps) for step in range(steps)])


def test_two_half_batches_make_the_step_of_a_whole_one(trial: Any) -> None:
    """Where the loss is a mean over images, as Darknet's, and normalisation does not look at the batch."""
    found = []
    for batch_size, accumulate in ((8, 1), (4, 2)):
        images = YoloDataset(augment(trial.train, mosaic=0.5), encoder=None, image_size=(64, 64))
        data = DetectionData(images, trial.validation, batch_size=batch_size, num_workers=0)
        task = DetectionTask(_in_evaluation_mode(), DarknetLoss(), modern(), num_steps=1)
        gradients = Gradients()
        _train_a_step(task, data, accumulate, gradients)
        found.append(gradients)

    assert found[0].norm > 1
    for whole, halves in zip(found[0].values, found[1].values, strict=True):
        torch.testing.assert_close(halves, whole, rtol=1e-3, atol=1e-5 * found[0].norm)


class Gradients(Callback):
    """Remembers the gradients of the first step, before they are clipped."""

    values: list[torch.Tensor]

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        pl_module.detector.eval()

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Any, optimizer: Any) -> None:
        self.values = [parameter.grad.clone() for parameter in pl_module.detector.parameters()]
        self.norm = float(torch.stack([gradient.norm() for gradient in self.values]).norm())


def _in_evaluation_mode() -> YOLOv3:
    torch.manual_seed(0)
    return YOLOv3(3, width=0.125)


def _train_a_step(task: DetectionTask, data: DetectionData, accumulate: int, callback: Callback) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice
        Trainer(
            accelerator="cpu",
            max_steps=1,
            accumulate_grad_batches=accumulate,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[callback],
        ).fit(task, data)
