"""Whether loss and gradient are finite, asked before every move of the weights."""

from collections import deque
from pathlib import Path
from typing import Any, cast

import torch
import torch.distributed as dist
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn

from yolo3.data.batch import Batch, unit_range
from yolo3.protocols import DetectionLoss, Detector
from yolo3.structures import GroundTruth
from yolo3.training.batchnorm import AccurateBatchNorm
from yolo3.training.culprit import Culprit, find_culprit
from yolo3.training.data import DetectionData
from yolo3.training.distributed import gathered
from yolo3.training.sync_batchnorm import alone


class NotFiniteError(ValueError):
    """A loss or a gradient is not finite; the message names the picture, the box, the scale and the term."""


class FiniteWatch:
    """Stops a training before a loss or gradient that is not finite reaches the weights.

    It remembers the batches since the last move of the weights, so that it can do their steps again and say whose
    fault it is.
    """

    def __init__(self) -> None:
        self._steps: deque[tuple[int, Batch, Tensor]] = deque()

    def saw(self, batch_idx: int, batch: Batch, loss: Tensor, accumulate: int = 1) -> None:
        """Remember a batch until the weights move.

        Args:
            batch_idx: its number in the epoch.
            batch: images and objects.
            loss: of it, a scalar.
            accumulate: batches after which the weights move; no more are remembered.
        """
        self._steps.append((batch_idx, batch, loss.detach()))
        while len(self._steps) > accumulate:
            self._steps.popleft()

    def check(
        self,
        trainer: Trainer,
        detector: Detector,
        loss: DetectionLoss,
        gradient_norm: Tensor,
        names: tuple[str, ...],
    ) -> None:
        """Let the weights move, or stop.

        With a scaled loss (float16) a gradient too large is no fault: the scaler leaves the step out and scales less.

        Args:
            trainer: of the training; a `DetectionData` knows the files of the pictures.
            detector: that is trained.
            loss: of its predictions.
            gradient_norm: of all gradients together, a scalar.
            names: of the classes.

        Raises:
            NotFiniteError: a loss or the gradient is not finite.
        """
        steps = list(self._steps)
        self._steps.clear()
        values = torch.stack([value.float() for _, _, value in steps] + [gradient_norm.float()])
        bad = torch.stack([~values[:-1].isfinite().all(), ~values[-1].isfinite()]).float()
        if trainer.world_size > 1:
            dist.all_reduce(bad)  # so that all stop, or none: a loss may be bad in one of them, and leave no gradient
        bad_losses, bad_gradients = bad.tolist()  # the only thing that an accelerator is waited for
        if not bad_losses and not bad_gradients:
            return
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None and not bad_losses and scaler.get_scale() > 1:
            return
        told = gathered(self._search(trainer, detector, loss, steps, names), trainer.world_size)
        if told:
            raise NotFiniteError(told[0])
        what = "the loss" if bad_losses else "the gradient"
        where = f"epoch {trainer.current_epoch + 1}, batch {steps[-1][0] + 1}" if steps else "this step"
        raise NotFiniteError(
            f"{what} is not finite in {where}, yet no picture, layer or term of it alone; lower the learning rate. "
            "Nothing of this step was kept"
        )

    def _search(
        self,
        trainer: Trainer,
        detector: Detector,
        loss: DetectionLoss,
        steps: list[tuple[int, Batch, Tensor]],
        names: tuple[str, ...],
    ) -> list[str]:
        """The culprit among this process's batches, or nothing."""
        for batch_idx, (images, truth), _ in steps:
            images = unit_range(images).contiguous(memory_format=torch.channels_last)
            with trainer.precision_plugin.forward_context(), alone(cast(nn.Module, detector)), AccurateBatchNorm():
                found = find_culprit(detector, loss, images, truth)
            if found is not None:
                return [_told(trainer, batch_idx, truth, found, names)]
        return []


def clipped_norm(task: LightningModule, optimizer: torch.optim.Optimizer, limit: float | None) -> Tensor:
    """Shorten the gradient to a limit, and say how long it was, a scalar.

    Args:
        task: that is trained.
        optimizer: whose gradients are meant.
        limit: of the norm of all together; None or 0 leaves them as they are.
    """
    parameters = list(task.trainer.precision_plugin.main_params(optimizer))
    if limit:
        return nn.utils.clip_grad_norm_(parameters, limit)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return torch.stack([gradient.norm() for gradient in gradients]).norm()


def _told(trainer: Trainer, batch_idx: int, truth: GroundTruth, found: Culprit, names: tuple[str, ...]) -> str:
    """One line: what, where, in which file, and what to look at."""
    parts = [f"epoch {trainer.current_epoch + 1}, batch {batch_idx + 1}: {found.what}"]
    if found.box is not None:
        corners = ", ".join(f"{value:.1f}" for value in truth.boxes[found.box].tolist())
        number = int((truth.image[: found.box] == truth.image[found.box]).sum()) + 1
        labels = truth.labels[found.box]
        label = names[int(labels)] if labels.ndim == 0 else labels.tolist()
        parts.append(f"for box {number} ({label}, xyxy {corners} in the network input)")
    if found.place:
        parts.append(found.place)
    if found.image is not None:
        parts.append(f"of {_named(_files(trainer, batch_idx), found.image)}")
    elif found.box is None and found.term is None:
        files = _files(trainer, batch_idx)
        if files:
            parts.append(f"in a batch of {len(files)} pictures")
    return f"{' '.join(parts)}; {found.mend}. Nothing of this step was kept"


def _files(trainer: Trainer, batch_idx: int) -> list[tuple[Path, ...]]:
    """The files of each picture of a batch; empty where the data is not ours."""
    data = cast(Any, trainer).datamodule
    if not isinstance(data, DetectionData):
        return []
    return data.files(trainer.current_epoch, batch_idx, trainer.global_rank, trainer.world_size)


def _named(files: list[tuple[Path, ...]], image: int) -> str:
    """A picture by its file, or by those that are mixed in it."""
    if image >= len(files) or not files[image]:
        return f"picture {image + 1} of the batch"
    names = list(dict.fromkeys(str(file) for file in files[image]))
    return names[0] if len(names) == 1 else f"the picture made of {', '.join(names)}"
