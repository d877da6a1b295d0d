"""A clean stop on Ctrl-C or SIGTERM."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from yolo3.training.distributed import Vote
from yolo3.training.resuming import save_resumable

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """Training was stopped by Ctrl-C or SIGTERM, and can be resumed."""


class StopOnSignal(Callback):
    """Stops training between two steps on Ctrl-C or SIGTERM, with everything saved.

    SIGTERM is what ``docker stop``, SLURM and a system that shuts down send. A second Ctrl-C ends training at once;
    another SIGTERM changes nothing. Several processes all stop at the same step, whichever of them got the signal.

    Args:
        folder: Output folder of the training.

    Raises:
        Interrupted: Training has stopped, and everything is saved; raised through `Trainer.fit`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = False

    @contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Context that handles the signals; for `Trainer.fit`, which restores the signal handlers it found."""
        if not _may_handle_signals():
            yield
            return
        before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prepare the vote of all processes, and take SIGTERM from Lightning, which would stop without saving."""
        self._vote = Vote(trainer.world_size)
        if _may_handle_signals():
            signal.signal(signal.SIGTERM, self._ask)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop in the middle of an epoch after a step of the optimiser; after the last step, wait for the end."""
        self.asked = self._vote.any(self.asked)
        is_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if self.asked and is_step and not trainer.is_last_batch:
            save_resumable(trainer, self.folder)
            raise Interrupted

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop after an epoch, which `Checkpoints` has saved."""
        self.asked = self._vote.any(self.asked)
        if self.asked:
            raise Interrupted

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGTERM:
            return
        print("\nstopping after this step (a validation is finished first); Ctrl-C again stops at once", flush=True)
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _may_handle_signals() -> bool:
    """Whether this is the thread that Python lets set signal handlers."""
    return threading.current_thread() is threading.main_thread()
