"""What Lightning trains."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from yolo3 import YoloLoss, YOLOv3
from yolo3.boxes import Letterbox
from yolo3.structures import Candidates
from yolo3.training import DetectionTask, EvaluationBatch, modern, published


def _trainer(**settings: object) -> Trainer:
    return Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, **settings)


def test_the_loss_is_the_sum_of_its_terms(trial: Any) -> None:
    task = trial.task(epochs=1)
    batch = next(iter(trial.data().train_dataloader()))
    logged: dict[str, Tensor] = {}
    task.log_dict = lambda values, **_: logged.update(values)

    loss = task.training_step(batch, 0)

    assert set(logged) >= {"train/box", "train/objectness", "train/background", "train/classes"}
    assert loss.item() == pytest.approx(sum(logged[name].item() for name in logged if "/" in name))
    loss.backward()
    assert all(parameter.grad is not None for parameter in task.detector.parameters())
    assert all(parameter.grad is None for parameter in task.ema.parameters())


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:Found .* in eval mode")
@pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec")
def test_works_with_a_plain_trainer(trial: Any) -> None:
    task = trial.task(epochs=1)
    task.num_steps = None  # the trainer knows
    before = [parameter.clone() for parameter in task.ema.module.parameters()]

    _trainer(max_epochs=1, limit_train_batches=2, gradient_clip_val=1.0, num_sanity_val_steps=0).fit(task, trial.data())

    assert task.trainer.callback_metrics.keys() >= {"AP", "AP50", "train/box", "val/box"}
    assert task.metrics is not None
    assert any(not torch.equal(a, b) for a, b in zip(before, task.ema.module.parameters(), strict=True))


class Oracle(nn.Module):
    """Finds what it is told to find."""

    num_classes, stride = 3, 32

    def __init__(self, batch: EvaluationBatch) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        truth = batch.truth
        one_hot = nn.functional.one_hot(truth.labels, 3).float()
        count = len(batch.images)
        self.boxes = truth.boxes.expand(count, -1, 4)
        self.scores = torch.stack([one_hot * (truth.image == image)[:, None] for image in range(count)])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return (images,)

    def decode(self, predictions: tuple[Tensor, ...]) -> Candidates:
        return Candidates(self.boxes, self.scores)


class Nothing:
    """A loss of nothing."""

    def terms(self, predictions: tuple[Tensor, ...], targets: object) -> dict[str, Tensor]:
        return {"box": torch.zeros(())}


def test_a_perfect_detector_measures_one(trial: Any) -> None:
    (batch,) = trial.data().val_dataloader()
    task = DetectionTask(Oracle(batch), Nothing(), names=trial.train.names)
    task.log_dict = lambda values, **_: None

    task.validation_step(batch, 0)
    task.on_validation_epoch_end()

    assert task.metrics is not None
    assert task.metrics.AP == pytest.approx(1)
    assert isinstance(batch.letterboxes[0], Letterbox)
    task.validation_step(batch, 0)  # what was measured before is forgotten
    task.on_validation_epoch_end()
    assert task.metrics.AP == pytest.approx(1)


def test_classes_without_names_are_numbers() -> None:
    assert DetectionTask(YOLOv3(2, width=0.125), YoloLoss()).names == ("0", "1")


def test_a_rate_that_never_reaches_its_height_is_said(trial: Any) -> None:
    task = trial.task(1)
    task.num_steps = 300
    task.recipe = replace(modern(), schedule=lambda step, num_steps: min(1.0, (step + 1) / 1000))
    with pytest.warns(UserWarning, match="the learning rate reaches 30% of its height in 300 steps; a shorter warm-up"):
        task.configure_optimizers()
    task.recipe = modern()
    task.configure_optimizers()  # without a warning, which would be an error
    for num_steps in (1, 5, 20, 100_000):
        task.num_steps = num_steps
        task.recipe = published()
        task.configure_optimizers()
