"""The ``LightningModule``: a detector, its loss and its recipe."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, TypeVar, cast

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch._dynamo import OptimizedModule
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from yolo3.data.batch import Batch, unit_range
from yolo3.data.fitting import in_image
from yolo3.losses.distributed import global_batch
from yolo3.metrics import CocoMetrics
from yolo3.protocols import DetectionLoss, Detector
from yolo3.structures import Detections
from yolo3.suppression import suppress
from yolo3.training.accumulation import counted_steps
from yolo3.training.batchnorm import AccurateBatchNorm
from yolo3.training.datamodule import DetectionData
from yolo3.training.distributed import average_statistics, gathered
from yolo3.training.ema import EMA
from yolo3.training.epoch_means import EpochMeans
from yolo3.training.fitted_images import EvaluationBatch
from yolo3.training.measuring import Measurement
from yolo3.training.nonfinite import NonFiniteGuard, clipped_norm
from yolo3.training.precision import PRECISIONS
from yolo3.training.random_state import random_state, restore_random_state
from yolo3.training.recipe import Recipe, modern, parameter_groups
from yolo3.training.statistics import estimate_statistics
from yolo3.training.sync_batchnorm import SYNCHRONISED, synchronised

_LOOKS = 1000
"""Steps at which the height of a schedule is looked for."""
_ENOUGH = 0.9

_Step = TypeVar("_Step", bound=Callable[..., Any])


def _around_graphs(step: _Step) -> _Step:
    """Decorator: exclude a step from ``torch.compile``, so that only the detector makes a graph."""
    return cast(_Step, torch.compiler.disable(step))


class DetectionTask(LightningModule):
    """Trains a detector, and evaluates and keeps its EMA weights.

    Logs ``train/…`` and ``val/…`` for each loss term, and AP, AP50 and AP75 on the validation images.

    ``Trainer.test`` evaluates the EMA weights in the same way, and ``Trainer.predict`` gives `Detections` in the pixels
    of each image, as a `Predictor` does.

    Args:
        detector: Detector to train; its tensors are converted to channels last. A detector from ``torch.compile`` runs
            compiled, and so does the detector of a compiled task; the detector itself is saved.
        loss: Loss of its predictions.
        recipe: Optimiser, learning rate schedule and their numbers. Default: `modern`.
        names: Class names.
        num_steps: Steps of the optimiser in the whole training, for the schedule. Default: counted. Set it if a
            training without `DetectionData`, or with limits on batches or steps, may be resumed: to count its steps,
            the trainer starts the data loader before it knows the epoch.
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
        assert isinstance(detector, nn.Module)
        self._compiled: tuple[nn.Module, ...] = ()
        own: Any = detector
        if isinstance(detector, OptimizedModule):
            # in a tuple it is no submodule, whose weights would be saved a second time
            self._compiled = (detector,)
            own = detector._orig_mod
        self.detector = own.to(memory_format=torch.channels_last)
        self.loss = loss
        self.recipe = recipe or modern()
        self.num_steps = num_steps
        self.names = names or tuple(str(label) for label in range(detector.num_classes))
        self.ema = EMA(self.detector, self.recipe.ema_decay)
        self.metrics: CocoMetrics | None = None  # of the last validation
        self._guard = NonFiniteGuard()
        self._epoch_losses = EpochMeans()
        self._measurement = Measurement()
        self._random_states: list[dict[str, Any]] = []  # of each process, of a training that is resumed

    @property
    def ema_detector(self) -> Detector:
        """Detector with EMA weights, which is evaluated and kept."""
        return cast(Detector, self.ema.module)

    def setup(self, stage: str) -> None:
        """Check the precision of the trainer.

        Raises:
            ValueError: A precision in which the weights would not stay float32.
        """
        if self.trainer.precision not in PRECISIONS:
            raise ValueError(
                f"precision {self.trainer.precision!r} would change the type of the weights and of the data; choose "
                f"from {', '.join(PRECISIONS)}, in which the weights stay float32"
            )

    def configure_optimizers(self) -> Any:
        """Optimiser and step-wise schedule of the recipe."""
        optimizer = self.recipe.optimizer(parameter_groups(self.detector, self.recipe.weight_decay))
        total = self.num_steps or counted_steps(self.trainer)
        highest = max(self.recipe.schedule(step, total) for step in range(0, total, -(-total // _LOOKS)))
        if highest < _ENOUGH:
            rank_zero_warn(
                f"the learning rate reaches {highest:.0%} of its height in {total} steps; a shorter warm-up would use "
                "the training"
            )
        schedule = LambdaLR(optimizer, lambda step: self.recipe.schedule(step, total))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def forward(self, images: Tensor) -> Any:
        """Predictions of the detector in training; Lightning replaces it by a compiled one where asked to.

        Args:
            images: (B, C, H, W) in [0, 1].
        """
        return (*self._compiled, self.detector)[0](images)

    @_around_graphs
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch."""
        images, truth = batch
        is_compiled = self._compiled or self._compiler_ctx is not None  # compiled normalisation is accurate
        with nullcontext() if is_compiled else AccurateBatchNorm():
            predictions = self.forward(self._input(images))
        with global_batch():
            terms = self.loss.terms(predictions, truth)
        self.log_dict(dict(terms), prog_bar=True, logger=False, batch_size=len(images))
        means, num_images = self._epoch_losses.add(terms, len(images))
        named = {f"train/{name}": value for name, value in means.items()}
        self.log_dict(named, on_step=False, on_epoch=True, batch_size=num_images, sync_dist=True)
        loss = torch.stack(list(terms.values())).sum()
        if self._trainer is not None:  # not in a loop of one's own
            self._guard.record(batch_idx, batch, loss, self._trainer.accumulate_grad_batches)
        return loss

    def on_train_epoch_end(self) -> None:
        """Log the learning rate."""
        self.log("learning_rate", self.trainer.optimizers[0].param_groups[0]["lr"], sync_dist=True)

    def on_train_epoch_start(self) -> None:
        """Reset the means of the losses; not called in the middle of an epoch."""
        self._epoch_losses = EpochMeans()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save what Lightning does not: the means of the losses, and the random states of each process."""
        checkpoint["epoch_losses"] = self._epoch_losses.state_dict()
        checkpoint["random_states"] = gathered([random_state()], self._world_size)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore them."""
        self._epoch_losses = EpochMeans.of(checkpoint.get("epoch_losses", {}))
        self._random_states = checkpoint.get("random_states", [])

    def on_train_start(self) -> None:
        """Restore the random states and the learning rate of a training that resumes.

        Not earlier, since a data loader that starts may draw random numbers; and the rate follows the present number of
        steps.
        """
        rank = self.trainer.global_rank
        if rank < len(self._random_states):
            restore_random_state(self._random_states[rank])
        schedule = self.lr_schedulers()
        if self._random_states and isinstance(schedule, LambdaLR):
            for group, highest, factor in zip(
                schedule.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True
            ):
                group["lr"] = highest * factor(schedule.last_epoch)
        self._random_states = []

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """Update the weights, then the EMA weights."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if self._world_size > 1:
            average_statistics(self.detector)
        self.ema.update(self.detector, self.trainer.global_step)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip gradients as the recipe or the trainer says, and check that they are finite."""
        limit = self.recipe.clip_norm if gradient_clip_val is None else gradient_clip_val
        by_value = gradient_clip_algorithm == "value"
        norm = clipped_norm(self, optimizer, None if by_value else limit)
        self._guard.check(self.trainer, self.detector, self.loss, norm, self.names)
        if by_value:
            self.clip_gradients(optimizer, limit, "value")

    def on_validation_model_eval(self) -> None:
        """Estimate the batch normalisation statistics of the EMA weights before a validation."""
        trainer = self.trainer
        data = cast(Any, trainer).datamodule
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking and isinstance(data, DetectionData):
            self._estimate_statistics(data)
        super().on_validation_model_eval()

    @_around_graphs
    def validation_step(self, batch: EvaluationBatch, batch_idx: int) -> None:
        """Loss and detections of the EMA weights."""
        if batch.samples:
            predictions = self._ema_predictions(batch)
            self._measurement.add(batch, predictions, self.ema_detector, self.loss)

    @_around_graphs
    def test_step(self, batch: EvaluationBatch, batch_idx: int) -> None:
        """Do the same as a validation step."""
        self.validation_step(batch, batch_idx)

    @_around_graphs
    def predict_step(self, batch: EvaluationBatch, batch_idx: int) -> list[Detections]:
        """Detections of the EMA weights in pixels of each image, with the thresholds of `suppress`."""
        if not batch.samples:
            return []
        found = suppress(self.ema_detector.decode(self._ema_predictions(batch)))
        named = (replace(detections.to("cpu"), class_names=self.names) for detections in found)
        return [in_image(each, letterbox) for each, letterbox in zip(named, batch.letterboxes, strict=True)]

    def on_validation_epoch_end(self) -> None:
        """Evaluate the detections of all processes."""
        self._conclude("val")

    def on_test_epoch_end(self) -> None:
        """Do the same as at the end of a validation."""
        self._conclude("test")

    def _conclude(self, stage: str) -> None:
        self.metrics, losses = self._measurement.conclude(self.names, self._world_size)
        self._measurement = Measurement()
        scores = {name: max(0.0, self.metrics.scores()[name]) for name in ("AP", "AP50", "AP75")}
        self.log_dict(scores, prog_bar=True, batch_size=1, sync_dist=True)
        self.log_dict({f"{stage}/{name}": value for name, value in losses.items()}, batch_size=1, sync_dist=True)

    def _ema_predictions(self, batch: EvaluationBatch) -> Any:
        return self.ema_detector(self._input(batch.images))

    def _input(self, images: Tensor) -> Tensor:
        """Images as the detector takes them: in [0, 1], channels last."""
        return unit_range(images).contiguous(memory_format=torch.channels_last)

    def _estimate_statistics(self, data: DetectionData) -> None:
        trainer = self.trainer
        averaged = self.ema.module
        batches = data.seen_again(trainer.current_epoch, trainer.global_rank, trainer.world_size)
        is_synchronised = any(isinstance(module, SYNCHRONISED) for module in self.detector.modules())
        together = synchronised(averaged, self.device) if is_synchronised else nullcontext()
        with trainer.precision_plugin.forward_context(), together:
            estimate_statistics(averaged, self.detector, (self._input(images.to(self.device)) for images in batches))
        if trainer.world_size > 1 and not is_synchronised:
            average_statistics(averaged)

    @property
    def _world_size(self) -> int:
        return 1 if self._trainer is None else self._trainer.world_size
