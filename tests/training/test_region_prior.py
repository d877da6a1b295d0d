"""YOLOv2's prior, which the first images of a training have."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

import yolo3.training.region_prior
from yolo3 import YoloDataset
from yolo3.boxes import Anchors
from yolo3.checkpoint import ModelCard
from yolo3.darknet import Darknet
from yolo3.losses import RegionLoss
from yolo3.system.hardware import TrainingHardware
from yolo3.training import DetectionData, DetectionTask, fit
from yolo3.training.region_prior import RegionPrior

CFG = """[net]
width=64
height=64
[convolutional]
batch_normalize=1
filters=8
size=3
stride=32
pad=1
activation=leaky
[convolutional]
filters=16
size=1
activation=linear
[region]
anchors=1,1, 2,2
classes=3
num=2
softmax=1
"""


class Seen(Callback):
    """The weight of the prior in every step."""

    def __init__(self) -> None:
        self.weights: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, DetectionTask)
        self.weights.append(pl_module.loss.prior_weight)  # type: ignore[attr-defined]


def _train(trial: Any, folder: Path, images_seen: int = 0, epochs: int = 2, resume: bool = False) -> list[float]:
    """Steps of four of twelve images."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    network = Darknet(CFG)
    assert isinstance(network.anchors, Anchors)
    data = DetectionData(
        YoloDataset(trial.train, encoder=None, image_size=64), trial.validation, batch_size=4, num_workers=0
    )
    task = DetectionTask(network, RegionLoss(network.anchors, prior_weight=0.01), num_steps=6)
    seen = Seen()
    fit(
        task,
        data,
        ModelCard(image_size=(64, 64)),
        folder,
        epochs=epochs,
        hardware=TrainingHardware("cpu", "fp32"),
        resume=resume,
        callbacks=[RegionPrior(images_seen), seen],
    )
    return seen.weights


@pytest.fixture(autouse=True)
def _eight_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yolo3.training.region_prior, "PRIOR_IMAGES", 8)


def test_it_ends_after_its_images(trial: Any, tmp_path: Path) -> None:
    assert _train(trial, tmp_path / "run") == [0.01, 0.01, 0, 0, 0, 0]


def test_images_seen_before_count(trial: Any, tmp_path: Path) -> None:
    assert _train(trial, tmp_path / "run", images_seen=6) == [0.01, 0, 0, 0, 0, 0]
    assert _train(trial, tmp_path / "other", images_seen=8) == [0] * 6


def test_a_training_that_is_resumed_counts_on(trial: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yolo3.training.region_prior, "PRIOR_IMAGES", 16)
    assert _train(trial, tmp_path / "run", epochs=1) == [0.01, 0.01, 0.01]
    assert _train(trial, tmp_path / "run", epochs=2, resume=True) == [0.01, 0, 0]
