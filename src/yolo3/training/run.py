"""A training run, from the first epoch or resumed, to a folder of results."""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.loggers import TensorBoardLogger

from yolo3.checkpoint import ModelCard
from yolo3.choices import Keep
from yolo3.system.devices import choose_training_device
from yolo3.system.hardware import TrainingHardware
from yolo3.training.checkpoints import Checkpoints, MeasureAtEnd
from yolo3.training.datamodule import DetectionData
from yolo3.training.distributed import has_lost_another, trainer_flags
from yolo3.training.early_stopping import ResumableEarlyStopping
from yolo3.training.freezing import FreezeBackbone, backbone
from yolo3.training.journal import Journal
from yolo3.training.killed_processes import report_killed_processes
from yolo3.training.nonfinite import NotFiniteError
from yolo3.training.precision import training_precision
from yolo3.training.quiet import quiet_lightning
from yolo3.training.resuming import DirectIO, resume_file
from yolo3.training.same_data import SameData
from yolo3.training.stopping import Interrupted, StopOnSignal
from yolo3.training.sync_batchnorm import synchronised
from yolo3.training.task import DetectionTask
from yolo3.training.tensorboard import ValidationImages
from yolo3.training.terminal import LiveTerminal

_HARMLESS = (  # warnings of Lightning and torch about things that are taken care of
    r".*does not have many workers.*",
    r".*smaller than the logging interval.*",
    r".*your dataloader is not resumable.*",  # it is: see `DetectionData.train_dataloader`
    r".*isinstance\(treespec, LeafSpec\).*",
    r"Found \d+ module\(s\) in eval mode.*",
)


def fit(
    task: DetectionTask,
    data: DetectionData,
    card: ModelCard,
    folder: Path,
    *,
    epochs: int,
    hardware: TrainingHardware = TrainingHardware(),
    accumulate: int = 1,
    freeze_backbone: int = 0,
    validate_every: int = 5,
    keep: Keep = "best",
    patience: int | None = None,
    resume: bool = False,
    progress_bar: bool = False,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train, and write to a folder: the checkpoint to keep, ``last``, resume file, results, chart, TensorBoard logs.

    Args:
        task: Task to train.
        data: Training and validation data.
        card: Model card of the checkpoints; scores are filled in.
        folder: Existing output folder.
        epochs: Total number of epochs, those before an interruption included.
        hardware: Device, processes that train together (DDP) and mixed precision; see `trainer_flags` and
            `training_precision`.
        accumulate: Gradient accumulation: batches per step of the optimiser, see `batches_per_step`. The ``num_steps``
            of the task must agree.
        freeze_backbone: Number of first epochs in which the backbone is frozen, see `FreezeBackbone`.
        validate_every: Epochs between two validations; the last epoch always has one.
        keep: Epoch of the checkpoint in the folder: the one of the best AP, or the last. Choosing by AP on the images
            that are reported on makes the reported AP too good.
        patience: Early stopping: stop after this many validations without a better AP. Default: off.
        resume: Continue from the resume file of the folder.
        progress_bar: Show the progress on the terminal, see `LiveTerminal`.
        callbacks: Further callbacks, called before the library's.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; everything is saved.
        ValueError: An image that cannot be read, an object that no target can be made of, a resume file that is damaged
            or of another network or data set, a frozen backbone where there is none, processes that cannot start or
            have ended.
    """
    device = choose_training_device(hardware.device)
    own: list[Callback] = []
    if freeze_backbone:
        backbone(task.detector)  # raises if there is none
        own.append(FreezeBackbone(freeze_backbone))
    if patience is not None:
        own.append(ResumableEarlyStopping(patience))
    with quiet_lightning(), warnings.catch_warnings():
        for message in _HARMLESS:
            warnings.filterwarnings("ignore", message)
        stop = StopOnSignal(folder)
        trainer = Trainer(
            **trainer_flags(device, hardware.devices, hardware.num_nodes, any_frozen=freeze_backbone > 0),
            precision=training_precision(hardware, device),  # type: ignore[arg-type]  # one of Lightning's literals
            max_epochs=epochs,
            accumulate_grad_batches=accumulate,
            check_val_every_n_epoch=validate_every,
            num_sanity_val_steps=0,
            logger=TensorBoardLogger(folder, name="", version="", sub_dir="tensorboard"),
            plugins=[DirectIO()],
            callbacks=[
                *callbacks,
                *own,
                *([LiveTerminal()] if progress_bar else []),
                ValidationImages(),
                MeasureAtEnd(),
                SameData(data, card.training, folder),
                Journal(folder),
                Checkpoints(folder, card, keep, data.validation.origin),
                stop,
            ],
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
            use_distributed_sampler=False,
        )
        begin_from = resume_file(folder, task) if resume else None
        try:
            together = synchronised(task.detector, device) if hardware.sync_batchnorm else nullcontext()
            with stop.handling_signals(), together, report_killed_processes(trainer):
                trainer.fit(task, data, ckpt_path=begin_from, weights_only=True)
        except NotFiniteError:
            raise
        except ValueError as error:
            raise ValueError(_value_message(error)) from error
        except RuntimeError as error:
            said = _process_message(error, trainer.world_size)
            if said is None:
                raise
            raise ValueError(said) from error
        except Interrupted:
            raise KeyboardInterrupt from None
        except SystemExit as error:
            if isinstance(error.__context__, KeyboardInterrupt):  # Lightning ends the process when Ctrl-C comes again
                raise KeyboardInterrupt from None
            raise


def _value_message(error: ValueError) -> str:
    """The message of an error, without the traceback that a data-loading worker adds."""
    said = str(error)
    if said.startswith("Expected more than 1 value per channel"):  # torch, in batch normalisation
        return (
            "a batch of one image leaves one value per channel at the coarsest scale, and batch normalisation needs "
            "more; raise batch_size or image_size"
        )
    return said.strip().splitlines()[-1].partition(f"{type(error).__name__}: ")[2] or said


def _process_message(error: RuntimeError, num_processes: int) -> str | None:
    """Message for an error of torch that means that a process has died; None for other errors."""
    said = " ".join(str(error).split())
    if said.startswith("DataLoader worker (pid"):  # for example out of memory, or of Docker's shared memory
        return f"a data-loading worker has died ({said}); lower num_workers, or provide more memory"
    if num_processes > 1 and has_lost_another(error):
        return "another process of this training has ended; if it has not reported why, the system or a user killed it"
    return None
