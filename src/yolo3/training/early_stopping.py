"""Stopping when it gets no better."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping


class ResumableEarlyStopping(EarlyStopping):
    """Ends training when AP has not risen in so many measurements; Lightning's ``EarlyStopping``, made resumable.

    Args:
        measurements: in a row without a better AP.
    """

    def __init__(self, measurements: int) -> None:
        super().__init__("AP", patience=measurements, mode="max", check_on_train_epoch_end=False)

    @property
    def is_exhausted(self) -> bool:
        """Whether training has ended for this reason."""
        return self.wait_count >= self.patience

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say so, if it is."""
        if self.is_exhausted and trainer.is_global_zero:
            plural = "s" if self.patience != 1 else ""
            print(f"stopped: no better AP in {self.patience} measurement{plural}", flush=True)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let a training that had ended, and is resumed, stay as it is."""
        if self.is_exhausted:
            trainer.should_stop = True
