"""The largest batch that fits in the memory of a GPU."""

import copy
import warnings
from tempfile import TemporaryDirectory

from lightning.pytorch import Trainer
from lightning.pytorch.tuner.tuning import Tuner

from yolo3.system.devices import choose_training_device
from yolo3.system.hardware import Hardware
from yolo3.training.datamodule import DetectionData
from yolo3.training.distributed import trainer_flags
from yolo3.training.precision import training_precision
from yolo3.training.quiet import quiet_lightning
from yolo3.training.task import DetectionTask


def largest_batch_size(
    task: DetectionTask, data: DetectionData, *, hardware: Hardware = Hardware(), most: int = 64
) -> int:
    """The largest power of two for which a few steps fit in memory, found by trial with Lightning's ``Tuner``.

    It needs a device that reports when memory runs out, as a GPU does. Not for CPUs: the system promises more memory
    than there is and then kills a process.

    Args:
        task: Task of which a copy is trained.
        data: Training data; its batch size is changed. Of several image sizes give it the largest alone, which decides.
        hardware: Device to train on, and precision; see `training_precision`.
        most: Largest batch size to try. Larger batches mean fewer steps, which learn less.

    Raises:
        ValueError: A single image does not fit.
    """
    device = choose_training_device(hardware.device)
    with quiet_lightning(), TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # irrelevant in a trial
        trainer = Trainer(
            **trainer_flags(device),
            precision=training_precision(hardware, device),  # type: ignore[arg-type]  # one of Lightning's literals
            max_epochs=1,
            default_root_dir=folder,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
        )
        data.batch_size = 2  # the first trial uses this value
        try:
            found = Tuner(trainer).scale_batch_size(
                copy.deepcopy(task),
                datamodule=data,
                steps_per_trial=2,
                init_val=2,
                max_val=2 * most,  # a value it would return untried
            )
        except ValueError as error:
            if data.batch_size > 0:
                raise
            height, width = data.train.image_size
            raise ValueError(
                f"a single image of {height} x {width} does not fit in the memory of {device}; "
                "lower image_size or width"
            ) from error
    return min(found or 1, most)
