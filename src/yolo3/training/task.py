"""What Lightning trains: a detector, its loss and its recipe."""

import math
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from yolo3.data import Sample
from yolo3.data.loading import Batch, unit_range
from yolo3.inputs import check_channels
from yolo3.losses.ranks import one_batch
from yolo3.metrics import CocoMetrics, coco_metrics
from yolo3.predictor import in_picture
from yolo3.protocols import DetectionLoss, Detector
from yolo3.structures import Detections
from yolo3.suppression import suppress
from yolo3.training.accumulation import num_steps
from yolo3.training.average import WeightAverage
from yolo3.training.data import DetectionData, EvaluationBatch
from yolo3.training.distributed import average_statistics, gathered
from yolo3.training.means import EpochMeans
from yolo3.training.recipe import Recipe, modern, parameter_groups
from yolo3.training.watch import FiniteWatch, clipped_norm

EVALUATION_SCORE = 0.001
"""Detections above this score are measured: average precision wants the doubtful ones too."""
EVALUATION_IOU = 0.5
"""Suppression when measuring: boxes this near to each other may still be two objects."""


class DetectionTask(LightningModule):
    """Trains a detector; its averaged weights are measured, and are what is worth keeping.

    Logs ``train/…`` and ``val/…`` for each term of the loss, and AP, AP50 and AP75 on the validation pictures.

    Args:
        detector: to train; its tensors are laid out channels last.
        loss: of its predictions.
        recipe: optimiser, schedule and their numbers.
        names: of the classes.
        num_steps: of the optimiser in the whole training, for the schedule. None counts them; give it where a training
            without `DetectionData`, or one with limits on batches or steps, may be resumed: to count these, the trainer
            starts the data loader before it knows the epoch.

    Raises:
        ValueError: a detector that does not take three channels.
    """

    def __init__(
        self,
        detector: Detector,
        loss: DetectionLoss,
        recipe: Recipe | None = None,
        *,
        names: tuple[str, ...] = (),
        num_steps: int | None = None,
    ) -> None:
        super().__init__()
        check_channels(detector)
        assert isinstance(detector, nn.Module)
        self.detector = detector.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.loss, self.recipe, self.num_steps = loss, recipe or modern(), num_steps
        self.names = names or tuple(str(label) for label in range(detector.num_classes))
        self.average = WeightAverage(self.detector, self.recipe.average_decay)
        self.metrics: CocoMetrics | None = None  # of the last validation
        self._watch = FiniteWatch()
        self._epoch_losses = EpochMeans()
        self._measured: list[tuple[Sample, Detections]] = []
        self._losses: list[tuple[int, dict[str, float]]] = []  # of each batch measured, with its number of pictures

    @property
    def averaged_detector(self) -> Detector:
        """What is measured and kept."""
        return cast(Detector, self.average.module)

    def configure_optimizers(self) -> Any:
        """The recipe's optimiser, and its schedule step by step."""
        optimizer = self.recipe.optimizer(parameter_groups(self.detector, self.recipe.weight_decay))
        total = self.num_steps or _counted_steps(self.trainer)
        schedule = LambdaLR(optimizer, lambda step: self.recipe.schedule(step, total))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch."""
        images, truth = batch
        images = unit_range(images).contiguous(memory_format=torch.channels_last)
        predictions = self.detector(images)
        with one_batch():
            terms = self.loss.terms(predictions, truth)
        self.log_dict(dict(terms), prog_bar=True, logger=False, batch_size=len(images))
        means, num_pictures = self._epoch_losses.add(terms, len(images))
        named = {f"train/{name}": value for name, value in means.items()}
        self.log_dict(named, on_step=False, on_epoch=True, batch_size=num_pictures, sync_dist=True)
        loss = torch.stack(list(terms.values())).sum()
        self._watch.saw(batch_idx, batch, loss)
        return loss

    def on_train_epoch_start(self) -> None:
        """Begin the means of the losses anew; not called in the middle of an epoch."""
        self._epoch_losses = EpochMeans()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the means of the losses, which Lightning does not."""
        checkpoint["epoch_losses"] = self._epoch_losses.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them up."""
        self._epoch_losses = EpochMeans.of(checkpoint.get("epoch_losses", {}))

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """Move the weights, and their average after them."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if self._world_size > 1:
            average_statistics(self.detector)
        self.average.update(self.detector, self.trainer.global_step)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """The recipe's clipping, unless the trainer has its own; of what is finite, or training stops."""
        limit = self.recipe.clip_norm if gradient_clip_val is None else gradient_clip_val
        by_value = gradient_clip_algorithm == "value"
        norm = clipped_norm(self, optimizer, None if by_value else limit)
        self._watch.check(self.trainer, self.detector, self.loss, norm, self.names)
        if by_value:
            self.clip_gradients(optimizer, limit, "value")

    def validation_step(self, batch: EvaluationBatch, batch_idx: int) -> None:
        """The loss of the averaged weights, and what they find."""
        if not batch.samples:
            return
        detector = self.averaged_detector
        predictions = detector(batch.images.contiguous(memory_format=torch.channels_last))
        terms = self.loss.terms(predictions, batch.truth)
        self._losses.append((len(batch.samples), {name: float(value) for name, value in terms.items()}))
        found = suppress(detector.decode(predictions), EVALUATION_SCORE, EVALUATION_IOU)
        for sample, letterbox, detections in zip(batch.samples, batch.letterboxes, found, strict=True):
            self._measured.append((sample, in_picture(detections, letterbox)))

    def on_validation_epoch_end(self) -> None:
        """Measure all that was found, by every process."""
        measured = gathered(self._measured, self._world_size)
        losses = gathered(self._losses, self._world_size)
        self._measured, self._losses = [], []
        self.metrics = coco_metrics([sample for sample, _ in measured], [found for _, found in measured], self.names)
        scores = {name: max(0.0, self.metrics.scores()[name]) for name in ("AP", "AP50", "AP75")}
        self.log_dict(scores, prog_bar=True, batch_size=1, sync_dist=True)
        means = {
            f"val/{name}": sum(count * terms[name] for count, terms in losses) / sum(count for count, _ in losses)
            for name in losses[0][1]
        }
        self.log_dict(means, batch_size=1, sync_dist=True)

    @property
    def _world_size(self) -> int:
        return 1 if self._trainer is None else self._trainer.world_size


def _counted_steps(trainer: Trainer) -> int:
    """The steps of a whole training.

    Raises:
        ValueError: a training that only ends with time.
    """
    data, epochs, accumulate = cast(Any, trainer).datamodule, trainer.max_epochs, trainer.accumulate_grad_batches
    is_whole = trainer.limit_train_batches == 1.0 and trainer.max_steps == -1
    if isinstance(data, DetectionData) and is_whole and epochs is not None and epochs > 0:
        return num_steps(data, epochs, accumulate, trainer.world_size)
    steps = trainer.estimated_stepping_batches
    if steps == math.inf:
        raise ValueError("the schedule must know how many steps there will be: give DetectionTask(…, num_steps=…)")
    return int(steps)
