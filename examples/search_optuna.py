"""Hyperparameter search with Optuna: many short trainings in one process, of which those with a low AP end early.

    pip install optuna
    python examples/search_optuna.py bccd --trials 20 --epochs 15 --image-size 320 --width 0.25

Trains on ``train`` and chooses by AP on ``val``; a ``test`` split is never used. The study is stored in a file, so the
same command continues it, and several may run at once. Pass the settings that it finds to ``yolo3 train``.
"""

import argparse
import gc
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import optuna
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from optuna.storages.journal import JournalFileBackend

from yolo3 import YoloDataset, YOLOv3, open_dataset
from yolo3.checkpoint import ModelCard
from yolo3.choices import Augmentation
from yolo3.data import SampleSet
from yolo3.data.transforms import augment
from yolo3.losses import FocalGIoULoss
from yolo3.training import DetectionData, DetectionTask, fit, modern, num_steps


@dataclass(frozen=True)
class Setting:
    """What all trainings of a search share."""

    training: SampleSet
    validation: SampleSet
    width: float = 0.25
    image_size: int = 320
    epochs: int = 15
    validate_every: int = 3


class Prune(Callback):
    """Reports AP to Optuna, and ends a trial that is worse than most were at this epoch."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial
        self.AP = 0.0

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report, and raise `optuna.TrialPruned` where it is not worth going on."""
        self.AP = float(trainer.callback_metrics["AP"])
        self.trial.report(self.AP, trainer.current_epoch + 1)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def train_once(trial: optuna.Trial, setting: Setting) -> float:
    """AP on the validation images after the last epoch of one training."""
    learning_rate = trial.suggest_float("learning_rate", 3e-4, 6e-3, log=True)
    batch_size = trial.suggest_categorical("batch_size", [4, 8, 16])
    augmentation = cast(Augmentation, trial.suggest_categorical("augmentation", ["light", "standard", "overhead"]))
    mosaic = trial.suggest_float("mosaic", 0.0, 1.0)
    box_weight = trial.suggest_float("box_weight", 0.5, 4.0, log=True)

    torch.manual_seed(0)
    size = (setting.image_size, setting.image_size)
    images = augment(setting.training, augmentation, mosaic=mosaic)
    data = DetectionData(
        YoloDataset(images, encoder=None, image_size=size), setting.validation, batch_size=batch_size, num_workers=0
    )
    network = YOLOv3(len(setting.training.names), width=setting.width)
    loss = FocalGIoULoss(network.anchors, box_weight=box_weight)
    task = DetectionTask(
        network,
        loss,
        modern(learning_rate),
        names=setting.training.names,
        num_steps=num_steps(data, setting.epochs),
    )
    prune = Prune(trial)
    try:
        with tempfile.TemporaryDirectory() as folder:  # only the numbers are kept
            fit(
                task,
                data,
                ModelCard(setting.training.names, size),
                Path(folder),
                epochs=setting.epochs,
                validate_every=setting.validate_every,
                callbacks=[prune],
            )
    finally:
        del task, data, network
        gc.collect()  # Lightning's trainer and task refer to each other
        torch.cuda.empty_cache()
    return prune.AP


def main() -> None:
    """Search, and print what was best."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--image-size", type=int, default=320)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--study", type=Path, default=Path("search.log"))
    options = parser.parse_args()
    training = open_dataset(options.data, "train")
    setting = Setting(
        training,
        open_dataset(options.data, "val", names=training.names),
        options.width,
        options.image_size,
        options.epochs,
    )
    backend = JournalFileBackend(str(options.study))
    study = optuna.create_study(
        study_name="yolo3",
        storage=optuna.storages.JournalStorage(backend),
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=setting.validate_every),
    )
    study.optimize(lambda trial: train_once(trial, setting), n_trials=options.trials)
    best = study.best_trial
    print(f"AP {best.value:.3f} in trial {best.number} of {len(study.trials)}: {best.params}")


if __name__ == "__main__":
    main()
