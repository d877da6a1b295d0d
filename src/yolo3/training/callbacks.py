"""What happens around the epochs: a journal, checkpoints, and a clean stop at Ctrl-C."""

import csv
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.draw import draw_curves
from yolo3.durable import whole_file
from yolo3.training.distributed import Vote
from yolo3.training.task import DetectionTask

RESUME_FILE = "last.ckpt"
"""All that Lightning needs to go on: weights, their average, optimiser, schedule, counters."""

_SCORES = ("AP", "AP50", "AP75")


class Journal(Callback):
    """A line an epoch on the terminal and in ``results.csv``, and at the end a chart of them, ``losses.png``.

    Args:
        folder: to write into.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, float]] = []
        self._began = 0.0
        self._has_measured = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock, perhaps in the middle of an epoch."""
        self._began = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that this epoch's scores are fresh."""
        self._has_measured = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the epoch down."""
        row = {"epoch": trainer.current_epoch + 1, "seconds": round(time.monotonic() - self._began, 2)}
        row["learning_rate"] = trainer.optimizers[0].param_groups[0]["lr"]
        for name, value in trainer.callback_metrics.items():
            if name.startswith("train/") or (self._has_measured and (name.startswith("val/") or name in _SCORES)):
                row[name] = float(value)
        self.rows.append(row)
        if trainer.is_global_zero:
            self._write()
            print(_line(row, trainer.max_epochs), flush=True)
        self._began, self._has_measured = time.monotonic(), False

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the chart; here, since a training that was killed after its last epoch gets no ``on_train_end`` more."""
        if self.rows and trainer.is_global_zero:
            curves = {name: [row.get(name, float("nan")) for row in self.rows] for name in self._columns()}
            epochs = curves.pop("epoch")
            losses = {name: values for name, values in curves.items() if "/" in name}
            scores = {name: values for name, values in curves.items() if name in _SCORES}
            draw_curves(self.folder / "losses.png", epochs, losses, scores)

    def state_dict(self) -> dict[str, Any]:
        """The epochs so far, for a training that is resumed."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the epochs of the training that is resumed."""
        self.rows = state_dict["rows"]

    def _columns(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def _write(self) -> None:
        with (
            whole_file(self.folder / "results.csv") as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, self._columns())
            writer.writeheader()
            writer.writerows(self.rows)


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

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save."""
        assert isinstance(pl_module, DetectionTask)
        metrics = pl_module.metrics
        if metrics is not None:
            self.scores = {name: value for name, value in metrics.scores().items() if name in _SCORES}
            if metrics.AP > self.best or metrics.AP < 0:  # below 0: no picture has an object, none is better
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
            save_checkpoint(folder, task.averaged_detector, replace(self.card, metrics=self.scores))


class MeasureAtEnd(Callback):
    """Has the last epoch measured, whatever the trainer's ``check_val_every_n_epoch`` says."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """For a training that is resumed in its last epoch."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See to the last epoch."""
        if trainer.current_epoch + 1 == trainer.max_epochs:
            trainer.check_val_every_n_epoch = 1


class Interrupted(Exception):
    """Training was stopped by Ctrl-C, and can be resumed."""


class StopAtCtrlC(Callback):
    """Lets Ctrl-C end training between two steps, with everything saved; a second Ctrl-C ends it at once.

    Where several processes train, all stop at the same step, whichever of them heard it.

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
        """Hear Ctrl-C; around `Trainer.fit`, which puts back the signal handlers it found."""
        if threading.current_thread() is not threading.main_thread():  # the only one that may
            yield
            return
        before = signal.signal(signal.SIGINT, self._ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See how many there are to agree."""
        self._vote = Vote(trainer.world_size)

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
        print("\nstopping after this step (a validation is finished first); Ctrl-C again stops at once", flush=True)
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def save_resumable(trainer: Trainer, folder: Path) -> None:
    """Write the file to resume from, whole or not at all."""
    file = folder / RESUME_FILE
    with whole_file(file) if trainer.is_global_zero else nullcontext(file) as partial:
        trainer.save_checkpoint(partial)  # every process takes part, the first one writes


def _line(row: dict[str, float], num_epochs: int | None) -> str:
    losses = "  ".join(f"{name[6:]} {value:.3f}" for name, value in row.items() if name.startswith("train/"))
    scores = "  ".join(f"{name} {row[name]:.3f}" for name in _SCORES if name in row)
    return f"epoch {row['epoch']:>3.0f}/{num_epochs}  {row['seconds']:5.1f} s  {losses}  {scores}".rstrip()
