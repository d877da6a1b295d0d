"""The log of a training: a line per epoch, and a chart of them."""

import csv
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from yolo3.draw import draw_curves
from yolo3.system.files import whole_file

SCORES = ("AP", "AP50", "AP75")
"""Metrics that are shown of an evaluation."""


class Journal(Callback):
    """A line per epoch on the terminal and in ``results.csv``, and at the end a chart of them, ``losses.png``.

    Args:
        folder: Output folder of the training.
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
        """Note that this epoch has been evaluated."""
        self._has_measured = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the epoch."""
        row = {"epoch": trainer.current_epoch + 1, "seconds": round(time.monotonic() - self._began, 2)}
        row["learning_rate"] = trainer.optimizers[0].param_groups[0]["lr"]
        for name, value in trainer.callback_metrics.items():
            if name.startswith("train/") or (self._has_measured and (name.startswith("val/") or name in SCORES)):
                row[name] = float(value)
        self.rows.append(row)
        if trainer.is_global_zero:
            self._write()
            print(_line(row, trainer.max_epochs), flush=True)
        self._began = time.monotonic()
        self._has_measured = False

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the chart; here, since a training that was killed after its last epoch gets no ``on_train_end``."""
        if self.rows and trainer.is_global_zero:
            curves = {name: [row.get(name, float("nan")) for row in self.rows] for name in self._columns()}
            epochs = curves.pop("epoch")
            losses = {name: values for name, values in curves.items() if "/" in name}
            scores = {name: values for name, values in curves.items() if name in SCORES}
            draw_curves(self.folder / "losses.png", epochs, losses, scores, curves["learning_rate"])

    def state_dict(self) -> dict[str, Any]:
        """The epochs so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the epochs when training resumes."""
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


def _line(row: dict[str, float], num_epochs: int | None) -> str:
    losses = "  ".join(f"{name[6:]} {value:.3f}" for name, value in row.items() if name.startswith("train/"))
    scores = "  ".join(f"{name} {row[name]:.3f}" for name in SCORES if name in row)
    return f"epoch {row['epoch']:>3.0f}/{num_epochs}  {row['seconds']:5.1f} s  {losses}  {scores}".rstrip()
