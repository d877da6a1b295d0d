"""Live progress of a training, on two lines at the bottom of the terminal."""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

_REFRESH = 0.2
"""Least seconds between two updates: reading a loss waits for the accelerator."""
_SCORE = "AP"


class LiveTerminal(Callback):
    """Shows epoch, images per second, memory, time left, losses and AP on a terminal; nothing elsewhere.

    Other output scrolls above it. It is drawn without a thread, since data-loading workers are forked meanwhile.

    Args:
        console: Console to draw on. Default: standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._live: Live | None = None
        self._began = self._drawn = 0.0
        self._batches = self._images = 0  # since it began
        self._seconds = self._step_began = 0.0  # spent on training, without validation
        self._best: float | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the display, perhaps in the middle of a training."""
        self._began = self._step_began = time.monotonic()
        self._batches = self._images = 0
        self._seconds = 0.0
        if self.console.is_terminal and trainer.is_global_zero:
            # lines printed meanwhile move above it, unless they go to a file
            redirect = sys.stdout.isatty()
            self._live = Live(console=self.console, auto_refresh=False, transient=True, redirect_stdout=redirect)
            self._live.start()
            self._draw(trainer, trainer.fit_loop.epoch_loop.batch_progress.current.completed)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count, and update the display now and then."""
        now = time.monotonic()
        self._batches += 1
        self._images += len(batch[0]) * trainer.world_size
        self._seconds += now - self._step_began
        self._step_began = now
        if self._live is not None and (now - self._drawn > _REFRESH or trainer.is_last_batch):
            self._draw(trainer, batch_idx + 1)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw the progress of the validation."""
        if self._live is not None and time.monotonic() - self._drawn > _REFRESH:
            self._draw(trainer, batch_idx + 1)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the score."""
        score = trainer.progress_bar_metrics.get(_SCORE)
        if score is not None:
            self._best = max(float(score), self._best or 0.0)
        self._step_began = time.monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the terminal."""
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Restore the terminal, after Ctrl-C too."""
        self._stop()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self, trainer: Trainer, batch: int) -> None:
        assert self._live is not None
        self._live.update(Group(self._pace(trainer, batch), self._losses(trainer)), refresh=True)
        self._drawn = time.monotonic()

    def _pace(self, trainer: Trainer, batch: int) -> Table:
        """The first line."""
        if trainer.validating:
            total = int(trainer.num_val_batches[0])
            what = "validation"
        else:
            total = int(trainer.num_training_batches)
            what = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        cells: list[str | ProgressBar] = [what, ProgressBar(total, batch, width=24), f"{batch}/{total}"]
        if self._batches:
            speed = self._images / self._seconds
            cells.append(f"{speed:.{1 if speed < 10 else 0}f} images/s")
        memory = memory_in_use(trainer.strategy.root_device)
        if memory is not None:
            cells.append(f"{memory / 1e9:.1f} GB")
        if self._batches and trainer.max_epochs is not None and trainer.max_epochs > 0:
            num_batches = int(trainer.num_training_batches)
            done_of_epoch = num_batches if trainer.validating else batch
            left = (trainer.max_epochs - trainer.current_epoch) * num_batches - done_of_epoch
            seconds = (time.monotonic() - self._began) / self._batches * left
            cells.append(f"{timedelta(seconds=round(seconds))} left")
        line = Table.grid(padding=(0, 2))
        line.add_row(*cells)
        return line

    def _losses(self, trainer: Trainer) -> Text:
        """The second line: the values that the task logs for a progress bar."""
        values = {name: float(value) for name, value in trainer.progress_bar_metrics.items() if name != "v_num"}
        losses = [f"{name} {value:.3f}" for name, value in values.items() if not name.startswith(_SCORE)]
        scores = [f"{_SCORE} {values[_SCORE]:.3f}"] if _SCORE in values else []
        if self._best is not None and scores:
            scores.append(f"best {self._best:.3f}")
        return Text("  ".join([*losses, *scores]), no_wrap=True, overflow="ellipsis", style="dim")


def memory_in_use(device: torch.device) -> int | None:
    """Bytes that this process holds on a GPU, or in main memory; None if the system does not report it."""
    if device.type == "cuda":
        return int(torch.cuda.memory_reserved(device))
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * int(os.sysconf("SC_PAGE_SIZE"))
