"""A clean stop when somebody, or a machine that is shut down, asks for it."""

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
    """Lets Ctrl-C or SIGTERM end training between two steps, with everything saved.

    SIGTERM is what ``docker stop``, SLURM and a system that shuts down send. A second Ctrl-C ends training at once;
    another SIGTERM changes nothing. Where several processes train, all stop at the same step, whichever of them heard
    it.

    Args:
        folder: to save into.

    Raises:
        Interrupted: out of `Trainer.fit`, when all is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear signals; around `Trainer.fit`, which puts back the signal handlers it found."""
        if not _may_listen():
            yield
            return
        before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See how many there are to agree, and take SIGTERM from Lightning, which would stop without saving."""
        self._vote = Vote(trainer.world_size)
        if _may_listen():
            signal.signal(signal.SIGTERM, self._ask)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop in the middle of an epoch, when no gradient is half gathered; at its last step, wait for its end."""
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


def _may_listen() -> bool:
    """Whether this is the thread that Python lets set signal handlers."""
    return threading.current_thread() is threading.main_thread()
