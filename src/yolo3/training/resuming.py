"""The file to resume a training from."""

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
"""Weights, their EMA, optimiser, schedule, counters and random states."""


_DAMAGED = "{} cannot be resumed from: it is damaged, or no file of a training; start again with --overwrite"


class DirectIO(TorchCheckpointIO):
    """Writes a checkpoint directly, where Lightning would go through the system's folder for temporary files."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            OSError: A full disk, or a folder without permission to write.
        """
        try:
            torch.save(checkpoint, path)
        except RuntimeError as error:  # torch raises it in place of an OSError
            raise OSError(f"{path} cannot be written ({' '.join(str(error).split())})") from error


def save_resumable(trainer: Trainer, folder: Path) -> None:
    """Write the file to resume from, whole or not at all.

    Raises:
        OSError: A full disk.
    """
    file = folder / RESUME_FILE
    with whole_file(file) if trainer.is_global_zero else nullcontext(file) as partial:
        trainer.save_checkpoint(partial)  # every process takes part, the first one writes
    trainer.strategy.barrier("save_resumable")  # a process that ended earlier would make Lightning end this one


def epochs_done(folder: Path) -> int:
    """Number of whole epochs done in the training that would be resumed.

    Raises:
        ValueError: A damaged file to resume from.
    """
    progress = _content(folder / RESUME_FILE)["loops"]["fit_loop"]["epoch_progress"]
    return int(progress["current"]["processed"])


def resume_file(folder: Path, task: LightningModule) -> Path:
    """The file to resume a training from, checked from end to end.

    Args:
        folder: Output folder of the training.
        task: Task to resume.

    Raises:
        ValueError: A damaged file, or one of another network.
    """
    path = folder / RESUME_FILE
    content = _content(path)
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:  # by checksums, which torch does not verify
            raise ValueError(_DAMAGED.format(path))
    if _shapes(content["state_dict"]) != _shapes(task.state_dict()):
        raise ValueError(f"{path} belongs to another network; start again with --overwrite")
    return path


def _content(path: Path) -> dict[str, Any]:
    """Content of the file, without the values of its tensors.

    Raises:
        ValueError: A file of another kind.
    """
    try:
        with zipfile.ZipFile(path):  # torch would try to read another kind of file too
            content = torch.load(path, map_location="meta", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise ValueError(_DAMAGED.format(path)) from error
    if not isinstance(content, dict) or not content.keys() >= {"state_dict", "loops"}:
        raise ValueError(_DAMAGED.format(path))
    return content


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
