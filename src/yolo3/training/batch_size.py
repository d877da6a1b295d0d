"""The batch that fits in the memory of a GPU."""

import copy
import warnings
from tempfile import TemporaryDirectory

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.tuner.tuning import Tuner

from yolo3.choices import Precision
from yolo3.training.data import DetectionData
from yolo3.training.distributed import trainer_flags
from yolo3.training.precision import training_precision
from yolo3.training.quiet import quiet_lightning
from yolo3.training.task import DetectionTask


def largest_batch_size(
    task: DetectionTask, data: DetectionData, *, device: torch.device, precision: Precision = "auto", most: int = 64
) -> int:
    """The largest power of two for which a few steps fit in memory, by trying; Lightning's ``Tuner``.

    Memory is found wanting where asking for it fails, as on a GPU. On a CPU the system lends more than there is and
    then ends a process: do not ask there.

    Args:
        task: a copy of it is trained.
        data: its batch size changes; of several image sizes the largest is what counts, so give it that one alone.
        device: to train on.
        precision: see `training_precision`.
        most: the largest worth having; larger batches are fewer steps, which learn less.

    Raises:
        ValueError: not even one picture fits.
    """
    with quiet_lightning(), TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is no matter in a trial
        trainer = Trainer(
            **trainer_flags(device),
            precision=training_precision(precision, device),  # type: ignore[arg-type]  # one of Lightning's literals
            max_epochs=1,
            default_root_dir=folder,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
        )
        data.batch_size = 2  # the first trial takes what it finds
        try:
            found = Tuner(trainer).scale_batch_size(
                copy.deepcopy(task),
                datamodule=data,
                steps_per_trial=2,
                init_val=2,
                max_val=2 * most,  # which it would return untried
            )
        except ValueError as error:
            if data.batch_size > 0:
                raise
            height, width = data.train.image_size
            raise ValueError(
                f"not even one picture of {height} x {width} fits in the memory of {device}; lower image_size or width"
            ) from error
    return min(found or 1, most)
