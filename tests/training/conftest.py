"""A training small enough for a test."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer

from yolo3 import YoloDataset, YoloLoss, YOLOv3
from yolo3.checkpoint import ModelCard
from yolo3.choices import Keep
from yolo3.data import SampleSet, open_dataset
from yolo3.data.shapes import write_shapes
from yolo3.data.transforms import augment
from yolo3.system.hardware import TrainingHardware
from yolo3.training import DetectionData, DetectionTask, fit, num_steps

IMAGE_SIZE = (64, 64)


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Pascal VOC data set of 12 + 4 drawn images."""
    folder = tmp_path_factory.mktemp("data") / "shapes"
    write_shapes(folder, num_train=12, num_test=4, image_size=IMAGE_SIZE)
    return folder


@pytest.fixture(scope="session")
def training_set(shapes: Path) -> SampleSet:
    return open_dataset(shapes, "train")


@pytest.fixture(scope="session")
def validation_set(shapes: Path) -> SampleSet:
    return open_dataset(shapes, "test")


@dataclass(frozen=True)
class Trial:
    """A tiny training, always the same one."""

    train: SampleSet
    validation: SampleSet
    detector: Callable[[], YOLOv3] = lambda: YOLOv3(3, width=0.125)
    image_sizes: Sequence[tuple[int, int]] = ((96, 64), (64, 96), IMAGE_SIZE)

    def data(self, num_workers: int = 0) -> DetectionData:
        """Everything that is random takes part: order, augmentation, mosaic, mixup, image size."""
        images = YoloDataset(augment(self.train, mosaic=0.5, mixup=0.5), encoder=None, image_size=IMAGE_SIZE)
        return DetectionData(
            images, self.validation, batch_size=4, image_sizes=self.image_sizes, num_workers=num_workers
        )

    def task(self, epochs: int, accumulate: int = 1) -> DetectionTask:
        torch.manual_seed(0)
        steps = num_steps(self.data(), epochs, accumulate)
        return DetectionTask(self.detector(), YoloLoss(), names=self.train.names, num_steps=steps)

    def run(
        self,
        folder: Path,
        epochs: int = 2,
        resume: bool = False,
        num_workers: int = 0,
        callbacks: Sequence[Callback] = (),
        accumulate: int = 1,
        freeze_backbone: int = 0,
        patience: int | None = None,
        validate_every: int = 2,
        keep: Keep = "best",
    ) -> DetectionTask:
        """Train into a folder; what was trained."""
        folder.mkdir(exist_ok=True)
        task = self.task(epochs, accumulate)
        fit(
            task,
            self.data(num_workers),
            ModelCard(self.train.names, IMAGE_SIZE, training=self.train.digest()),
            folder,
            epochs=epochs,
            hardware=TrainingHardware("cpu", "fp32"),
            accumulate=accumulate,
            freeze_backbone=freeze_backbone,
            patience=patience,
            validate_every=validate_every,
            keep=keep,
            resume=resume,
            callbacks=callbacks,
        )
        return task


@pytest.fixture(scope="session")
def trial(training_set: SampleSet, validation_set: SampleSet) -> Trial:
    """A tiny training."""
    return Trial(training_set, validation_set)


class Press(Callback):
    """Ctrl-C or another signal, as a person or a system sends it while a step runs."""

    def __init__(self, step: int, times: int = 1, number: int = signal.SIGINT) -> None:
        self.step, self.times, self.number = step, times, number

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            self.step = -1  # a step may have several batches
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)


@pytest.fixture(scope="session")
def press() -> type[Press]:
    """A callback that sends this process a signal."""
    return Press


@pytest.fixture(scope="session")
def quiet_trainer() -> Callable[..., Trainer]:
    """Makes a trainer of Lightning that writes nothing and shows nothing."""
    off = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    return partial(Trainer, accelerator="cpu", num_sanity_val_steps=0, **dict.fromkeys(off, False))


@pytest.fixture(scope="session")
def resumable() -> Callable[[Path], dict[str, Any]]:
    """Weights, average, optimiser, schedule and counters of a run's ``last.ckpt``, each value by its place."""
    return _resumable


def _resumable(run: Path) -> dict[str, Any]:
    content = torch.load(run / "last.ckpt", weights_only=True)
    values: dict[str, Any] = {}

    def take(place: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                take(f"{place}/{key}", item)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                take(f"{place}/{number}", item)
        else:
            values[place] = value.numpy().tobytes() if isinstance(value, torch.Tensor) else value

    for name in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step"):
        take(name, content[name])
    return values
