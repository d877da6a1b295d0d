"""The file that a training is resumed from."""

import os
import pickle
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from yolo3.system.files import whole_file

RESUME_FILE = "last.ckpt"
"""All that it takes to go on: weights, their average, optimiser, schedule, counters, random numbers."""


_DAMAGED = "{} cannot be resumed from: it is damaged, or of no training; begin anew with --overwrite"


class DirectIO(TorchCheckpointIO):
    """Writes a checkpoint where it belongs. Lightning's own way leads over the system's folder for temporary files."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        """Write it.

        Raises:
            OSError: there is no room for it, or it may not be written there.
        """
        try:
            torch.save(checkpoint, path)
        except RuntimeError as error:  # what torch makes of an OSError
            raise OSError(f"{path} cannot be written ({' '.join(str(error).split())})") from error


def save_resumable(trainer: Trainer, folder: Path) -> None:
    """Write the file to resume from, whole or not at all.

    Raises:
        OSError: there is no room for it.
    """
    file = folder / RESUME_FILE
    with whole_file(file) if trainer.is_global_zero else nullcontext(file) as partial:
        trainer.save_checkpoint(partial)  # every process takes part, the first one writes
    trainer.strategy.barrier("save_resumable")  # a process that ended before would have Lightning end this one


def epochs_done(folder: Path) -> int:
    """Whole epochs of the training that would be resumed.

    Raises:
        ValueError: the file to resume from is damaged.
    """
    progress = _content(folder / RESUME_FILE)["loops"]["fit_loop"]["epoch_progress"]
    return int(progress["current"]["processed"])


def resume_file(folder: Path, task: LightningModule) -> Path:
    """The file to resume a training from, looked at from end to end.

    Args:
        folder: of the training.
        task: that goes on.

    Raises:
        ValueError: the file is damaged, or of another network.
    """
    path = folder / RESUME_FILE
    content = _content(path)
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:  # by checksums, which torch does not look at
            raise ValueError(_DAMAGED.format(path))
    if _shapes(content["state_dict"]) != _shapes(task.state_dict()):
        raise ValueError(f"{path} is of another network; begin anew with --overwrite")
    return path


def _content(path: Path) -> dict[str, Any]:
    """What the file holds, without the numbers of its tensors.

    Raises:
        ValueError: it is none.
    """
    try:
        with zipfile.ZipFile(path):  # of another kind of file torch makes what it can
            content = torch.load(path, map_location="meta", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise ValueError(_DAMAGED.format(path)) from error
    if not isinstance(content, dict) or not content.keys() >= {"state_dict", "loops"}:
        raise ValueError(_DAMAGED.format(path))
    return content


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
