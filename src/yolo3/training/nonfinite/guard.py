"""The check that loss and gradient are finite, before every update of the weights."""

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
from yolo3.training.datamodule import DetectionData
from yolo3.training.distributed import gathered
from yolo3.training.nonfinite.cause import Cause, find_cause
from yolo3.training.sync_batchnorm import alone


class NotFiniteError(ValueError):
    """A loss or gradient that is not finite; the message names the image, the box, the scale and the term."""


class NonFiniteGuard:
    """Stops a training before a loss or gradient that is not finite reaches the weights.

    It keeps the batches since the last update, so that it can repeat their steps and find the cause.
    """

    def __init__(self) -> None:
        self._steps: deque[tuple[int, Batch, Tensor]] = deque()

    def record(self, batch_idx: int, batch: Batch, loss: Tensor, accumulate: int = 1) -> None:
        """Keep a batch until the weights are updated.

        Args:
            batch_idx: Number of the batch in the epoch.
            batch: Images and ground truth.
            loss: Loss of the batch, a scalar.
            accumulate: Batches per update; no more are kept.
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
        """Allow an update of the weights, or stop.

        With loss scaling (float16) a gradient that overflows is no error: the scaler skips the step and scales less.

        Args:
            trainer: Trainer; the files of the images are known if its data is a `DetectionData`.
            detector: Detector in training.
            loss: Loss of its predictions.
            gradient_norm: Norm of all gradients together, a scalar.
            names: Class names.

        Raises:
            NotFiniteError: A loss or the gradient is not finite.
        """
        steps = list(self._steps)
        self._steps.clear()
        values = torch.stack([value.float() for _, _, value in steps] + [gradient_norm.float()])
        bad = torch.stack([~values[:-1].isfinite().all(), ~values[-1].isfinite()]).float()
        if trainer.world_size > 1:
            dist.all_reduce(bad)  # so that all stop, or none: a loss may be bad in one process alone
        bad_losses, bad_gradients = bad.tolist()  # the only value that an accelerator is waited for
        if not bad_losses and not bad_gradients:
            return
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None and not bad_losses and scaler.get_scale() > 1:
            return
        messages = gathered(self._search(trainer, detector, loss, steps, names), trainer.world_size)
        if messages:
            raise NotFiniteError(messages[0])
        what = "the loss" if bad_losses else "the gradient"
        where = f"epoch {trainer.current_epoch + 1}, batch {steps[-1][0] + 1}" if steps else "this step"
        raise NotFiniteError(
            f"{what} is not finite in {where}, though each image, layer and loss term alone is; lower the learning "
            "rate. This step was discarded"
        )

    def _search(
        self,
        trainer: Trainer,
        detector: Detector,
        loss: DetectionLoss,
        steps: list[tuple[int, Batch, Tensor]],
        names: tuple[str, ...],
    ) -> list[str]:
        """Message about the cause in the batches of this process, or nothing."""
        for batch_idx, (images, truth), _ in steps:
            images = unit_range(images).contiguous(memory_format=torch.channels_last)
            with trainer.precision_plugin.forward_context(), alone(cast(nn.Module, detector)), AccurateBatchNorm():
                found = find_cause(detector, loss, images, truth)
            if found is not None:
                return [_message(trainer, batch_idx, truth, found, names)]
        return []


def clipped_norm(task: LightningModule, optimizer: torch.optim.Optimizer, limit: float | None) -> Tensor:
    """Clip the gradients, and return the norm they had, a scalar.

    Args:
        task: Task in training.
        optimizer: Optimiser of the parameters.
        limit: Highest norm of all gradients together; None or 0 does not clip.
    """
    parameters = list(task.trainer.precision_plugin.main_params(optimizer))
    if limit:
        return nn.utils.clip_grad_norm_(parameters, limit)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return torch.stack([gradient.norm() for gradient in gradients]).norm()


def _message(trainer: Trainer, batch_idx: int, truth: GroundTruth, found: Cause, names: tuple[str, ...]) -> str:
    """Message in one line: what, where, in which file, and the advice."""
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
        parts.append(f"in {_named(_files(trainer, batch_idx), found.image)}")
    elif found.box is None and found.term is None:
        files = _files(trainer, batch_idx)
        if files:
            parts.append(f"in a batch of {len(files)} images")
    return f"{' '.join(parts)}; {found.fix}. This step was discarded"


def _files(trainer: Trainer, batch_idx: int) -> list[tuple[Path, ...]]:
    """Files of each image of a batch; empty if the data is no `DetectionData`."""
    data = cast(Any, trainer).datamodule
    if not isinstance(data, DetectionData):
        return []
    return data.files(trainer.current_epoch, batch_idx, trainer.global_rank, trainer.world_size)


def _named(files: list[tuple[Path, ...]], image: int) -> str:
    """Name of an image: its file, or the files that are mixed in it."""
    if image >= len(files) or not files[image]:
        return f"image {image + 1} of the batch"
    names = list(dict.fromkeys(str(file) for file in files[image]))
    return names[0] if len(names) == 1 else f"the image made of {', '.join(names)}"
