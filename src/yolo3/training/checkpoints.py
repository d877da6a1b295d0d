"""The detectors that a training leaves: that of its best epoch, and that of its last."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.training.journal import SCORES
from yolo3.training.resuming import save_resumable
from yolo3.training.task import DetectionTask


class Checkpoints(Callback):
    """After each epoch writes what it takes to resume, and keeps the averaged weights of the best AP as a checkpoint.

    The folder itself is that checkpoint; the averaged weights of the last epoch are in ``last`` when training ends.

    Args:
        folder: to write into.
        card: of the detector; the scores are filled in.
    """

    def __init__(self, folder: Path, card: ModelCard) -> None:
        self.folder, self.card = folder, card
        self.best = -1.0
        self.scores: dict[str, float] = {}  # of the last validation
        self._has_measured = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that these weights have been measured."""
        self._has_measured = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save."""
        assert isinstance(pl_module, DetectionTask)
        metrics = pl_module.metrics
        if self._has_measured and metrics is not None:
            self._has_measured = False
            self.scores = {name: value for name, value in metrics.scores().items() if name in SCORES}
            if metrics.AP >= self.best:  # of equal ones the later, which has learnt more
                self.best = metrics.AP
                self._save(trainer, pl_module, self.folder)
        save_resumable(trainer, self.folder)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the last epoch's averaged weights."""
        assert isinstance(pl_module, DetectionTask)
        if self.scores:
            self._save(trainer, pl_module, self.folder / "last")

    def state_dict(self) -> dict[str, Any]:
        """The best AP so far, and the last scores."""
        return {"best": self.best, "scores": self.scores}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up those of the training that is resumed."""
        self.best, self.scores = state_dict["best"], state_dict["scores"]

    def _save(self, trainer: Trainer, task: DetectionTask, folder: Path) -> None:
        if trainer.is_global_zero:
            save_checkpoint(folder, task.ema_detector, replace(self.card, metrics=self.scores))


class MeasureAtEnd(Callback):
    """Has the last epoch measured, whatever the trainer's ``check_val_every_n_epoch`` says."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """For a training that is resumed in its last epoch."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See to the last epoch."""
        if trainer.current_epoch + 1 == trainer.max_epochs:
            trainer.check_val_every_n_epoch = 1
