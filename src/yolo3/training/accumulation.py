"""Gradient accumulation: the gradients of several batches are summed before each step of the optimiser."""

import math
from typing import Any, cast

from lightning.pytorch import Trainer

from yolo3.training.datamodule import DetectionData


def batches_per_step(nominal_batch: int, batch_size: int, num_processes: int = 1) -> int:
    """Number of batches that each process accumulates before a step of the optimiser.

    Args:
        nominal_batch: Images per step; rounded to the nearest multiple of a batch.
        batch_size: Images per batch in each process.
        num_processes: Number of processes that train together.

    Raises:
        ValueError: A nominal batch that is smaller than a batch.
    """
    together = batch_size * num_processes
    if nominal_batch < together:
        raise ValueError(
            f"nominal_batch is {nominal_batch}, a batch already has {together} images; lower batch_size or leave "
            "nominal_batch out"
        )
    return round(nominal_batch / together)


def num_steps(data: DetectionData, epochs: int, accumulate: int = 1, num_processes: int = 1) -> int:
    """Steps of the optimiser in a whole training; the last step of each epoch takes the batches that are left.

    Args:
        data: Training data.
        epochs: Total number of epochs.
        accumulate: Batches per step, see `batches_per_step`.
        num_processes: Number of processes that train together.
    """
    return epochs * -(-len(data.keys(0, num_processes)) // accumulate)


def counted_steps(trainer: Trainer) -> int:
    """Steps of the optimiser in the whole training that a trainer is about to run.

    Raises:
        ValueError: A training whose end is not a number of epochs or steps.
    """
    data = cast(Any, trainer).datamodule
    epochs = trainer.max_epochs
    accumulate = trainer.accumulate_grad_batches
    is_whole = trainer.limit_train_batches == 1.0 and trainer.max_steps == -1
    if isinstance(data, DetectionData) and is_whole and epochs is not None and epochs > 0:
        return num_steps(data, epochs, accumulate, trainer.world_size)
    steps = trainer.estimated_stepping_batches
    if steps == math.inf:
        raise ValueError("the schedule needs the total number of steps: give DetectionTask(…, num_steps=…)")
    return int(steps)
