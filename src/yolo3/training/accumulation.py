"""Several batches a step: gradients are gathered until a nominal batch has been seen."""

import math
from typing import Any, cast

from lightning.pytorch import Trainer

from yolo3.training.datamodule import DetectionData


def batches_per_step(nominal_batch: int, batch_size: int, num_processes: int = 1) -> int:
    """How many batches each process gathers before a step of the optimiser.

    Args:
        nominal_batch: images that a step should see; it sees the nearest multiple of a batch.
        batch_size: images a batch, on each process.
        num_processes: that train together.

    Raises:
        ValueError: a nominal batch that is smaller than a batch.
    """
    together = batch_size * num_processes
    if nominal_batch < together:
        raise ValueError(
            f"nominal_batch is {nominal_batch}, a batch already has {together} images; lower batch_size or leave "
            "nominal_batch out"
        )
    return round(nominal_batch / together)


def num_steps(data: DetectionData, epochs: int, accumulate: int = 1, num_processes: int = 1) -> int:
    """Steps of the optimiser in a whole training; the last of each epoch takes what batches are left.

    Args:
        data: what is trained on.
        epochs: in all.
        accumulate: batches a step, `batches_per_step`.
        num_processes: that train together.
    """
    return epochs * -(-len(data.keys(0, num_processes)) // accumulate)


def counted_steps(trainer: Trainer) -> int:
    """The steps of the whole training that a trainer is about to do.

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
