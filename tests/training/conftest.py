"""A training small enough for a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback

from yolo3 import YoloDataset, YoloLoss, YOLOv3
from yolo3.checkpoint import ModelCard
from yolo3.data import SampleSet, open_dataset
from yolo3.data.shapes import write_shapes
from yolo3.data.transforms import augment
from yolo3.training import DetectionData, DetectionTask, fit

IMAGE_SIZE = (64, 64)


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Pascal VOC data set of 12 + 4 drawn pictures."""
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

    def data(self, num_workers: int = 0) -> DetectionData:
        pictures = YoloDataset(augment(self.train, mosaic=0.5), encoder=None, image_size=IMAGE_SIZE)
        return DetectionData(pictures, self.validation, batch_size=4, num_workers=num_workers)

    def task(self, epochs: int) -> DetectionTask:
        torch.manual_seed(0)
        return DetectionTask(YOLOv3(3, width=0.125), YoloLoss(), names=self.train.names, num_steps=3 * epochs)

    def run(
        self,
        folder: Path,
        epochs: int = 2,
        resume: bool = False,
        num_workers: int = 0,
        callbacks: Sequence[Callback] = (),
    ) -> DetectionTask:
        """Train into a folder; what was trained."""
        folder.mkdir(exist_ok=True)
        task = self.task(epochs)
        fit(
            task,
            self.data(num_workers),
            ModelCard(self.train.names, IMAGE_SIZE),
            folder,
            epochs=epochs,
            device=torch.device("cpu"),
            precision="fp32",
            validate_every=2,
            resume=resume,
            callbacks=callbacks,
        )
        return task


@pytest.fixture(scope="session")
def trial(training_set: SampleSet, validation_set: SampleSet) -> Trial:
    """A tiny training."""
    return Trial(training_set, validation_set)
