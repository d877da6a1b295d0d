"""Early stopping."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping


class ResumableEarlyStopping(EarlyStopping):
    """Early stopping by AP: Lightning's ``EarlyStopping``, made resumable.

    Args:
        patience: Number of evaluations in a row without a better AP after which training stops.
    """

    def __init__(self, patience: int) -> None:
        super().__init__("AP", patience=patience, mode="max", check_on_train_epoch_end=False)

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
