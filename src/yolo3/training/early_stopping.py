"""Early stopping."""

import sys
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping

from yolo3.training.accumulation import counted_steps
from yolo3.training.task import DetectionTask

_FIRST_RISE = 0.05
"""AP below which a training has not got going yet."""


class ResumableEarlyStopping(EarlyStopping):
    """Early stopping by AP: Lightning's ``EarlyStopping``, made resumable, and patient with a slow start.

    An evaluation without a better AP counts only when the learning rate rises no more, AP has once been above 0.05, and
    the EMA weights have had time to follow: as many steps since the best AP as their average looks back over.

    Args:
        patience: Number of evaluations in a row without a better AP after which training stops.
    """

    def __init__(self, patience: int) -> None:
        super().__init__("AP", patience=patience, mode="max", check_on_train_epoch_end=False)
        self._best_step = 0

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the evaluation if it counts, and stop where patience ends."""
        assert isinstance(pl_module, DetectionTask)
        before = self.wait_count
        best = float(self.best_score)
        patience = self.patience
        if not self._counts(trainer, pl_module):
            self.patience = sys.maxsize
        super().on_validation_end(trainer, pl_module)
        if self.patience != patience:
            self.patience = patience
            self.wait_count = min(self.wait_count, before)
        if float(self.best_score) > best:
            self._best_step = trainer.global_step

    def _counts(self, trainer: Trainer, task: DetectionTask) -> bool:
        """Whether an evaluation would be better by now if the training still got better."""
        step = trainer.global_step
        total = task.num_steps or counted_steps(trainer)
        is_rising = task.recipe.schedule(step, total) > task.recipe.schedule(step - 1, total)
        lag = 1 / (1 - task.ema.decay_at(step))
        return not is_rising and float(self.best_score) >= _FIRST_RISE and step - self._best_step >= lag

    def state_dict(self) -> dict[str, Any]:
        """Lightning's state, and the step of the best AP."""
        return super().state_dict() | {"best_step": self._best_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore them when training resumes."""
        super().load_state_dict(state_dict)
        self._best_step = state_dict["best_step"]

    @property
    def is_exhausted(self) -> bool:
        """Whether training has stopped early."""
        return self.wait_count >= self.patience

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report an early stop."""
        if self.is_exhausted and trainer.is_global_zero:
            plural = "s" if self.patience != 1 else ""
            print(f"early stopping: no better AP in {self.patience} evaluation{plural}", flush=True)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop again at once when a training that was stopped early is resumed."""
        if self.is_exhausted:
            trainer.should_stop = True
