"""The checkpoints of a training: the epoch that is kept, and the last."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from yolo3.checkpoint import ModelCard, Selection, save_checkpoint
from yolo3.choices import Keep
from yolo3.training.journal import SCORES
from yolo3.training.resuming import save_resumable
from yolo3.training.task import DetectionTask


class Checkpoints(Callback):
    """Writes the file to resume from after each epoch, and keeps the EMA weights of an epoch as a checkpoint.

    The folder itself is that checkpoint; the EMA weights of the last epoch are in ``last`` when training ends.

    Args:
        folder: Output folder of the training.
        card: Model card of the checkpoints; scores and selection are filled in.
        keep: ``best`` keeps the epoch of the best AP so far, ``last`` the last that was evaluated.
        measured_on: Name of the images that epochs are evaluated on.
    """

    def __init__(self, folder: Path, card: ModelCard, keep: Keep, measured_on: str) -> None:
        self.folder = folder
        self.card = card
        self.keep = keep
        self.measured_on = measured_on
        self.best = -1.0
        self.evaluations = 0
        self.scores: dict[str, float] = {}  # of the last validation
        self._has_measured = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that these weights have been evaluated."""
        self._has_measured = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save."""
        assert isinstance(pl_module, DetectionTask)
        metrics = pl_module.metrics
        if self._has_measured and metrics is not None:
            self._has_measured = False
            self.evaluations += 1
            self.scores = {name: value for name, value in metrics.scores().items() if name in SCORES}
            is_best = metrics.AP >= self.best  # on a tie keep the later epoch, which has learnt more
            if is_best:
                self.best = metrics.AP
            if is_best or self.keep == "last":
                self._save(trainer, pl_module, self.folder, self.keep, trainer.current_epoch + 1)
        save_resumable(trainer, self.folder)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the EMA weights of the last epoch."""
        assert isinstance(pl_module, DetectionTask)
        if self.scores:
            # Lightning has counted the last epoch already
            self._save(trainer, pl_module, self.folder / "last", "last", trainer.current_epoch)

    def state_dict(self) -> dict[str, Any]:
        """The best AP so far, the number of evaluations, and the last scores."""
        return {"best": self.best, "evaluations": self.evaluations, "scores": self.scores}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore them when training resumes."""
        self.best = state_dict["best"]
        self.evaluations = state_dict["evaluations"]
        self.scores = state_dict["scores"]

    def _save(self, trainer: Trainer, task: DetectionTask, folder: Path, keep: Keep, epoch: int) -> None:
        if trainer.is_global_zero:
            selection = Selection(keep, epoch, self.evaluations, self.measured_on)
            save_checkpoint(folder, task.ema_detector, replace(self.card, metrics=self.scores, selection=selection))


class MeasureAtEnd(Callback):
    """Validates after the last epoch, whatever the trainer's ``check_val_every_n_epoch`` says."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle a training that resumes in its last epoch."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Enable validation in the last epoch."""
        if trainer.current_epoch + 1 == trainer.max_epochs:
            trainer.check_val_every_n_epoch = 1
