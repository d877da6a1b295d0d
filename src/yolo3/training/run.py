"""One training, from the first epoch or from where it stopped, to a folder of results."""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.loggers import TensorBoardLogger

from yolo3.checkpoint import ModelCard
from yolo3.choices import Precision
from yolo3.training.checkpoints import Checkpoints, MeasureAtEnd
from yolo3.training.data import DetectionData
from yolo3.training.distributed import has_lost_another, trainer_flags
from yolo3.training.freezing import FreezeBackbone, backbone
from yolo3.training.journal import Journal
from yolo3.training.lost import telling_of_the_killed
from yolo3.training.patience import Patience
from yolo3.training.pictures import ValidationPictures
from yolo3.training.precision import training_precision
from yolo3.training.quiet import quiet_lightning
from yolo3.training.resuming import DirectIO, resume_file
from yolo3.training.same_data import SameData
from yolo3.training.stopping import Interrupted, StopOnSignal
from yolo3.training.sync_batchnorm import synchronised
from yolo3.training.task import DetectionTask
from yolo3.training.terminal import LiveTerminal
from yolo3.training.watch import NotFiniteError

_HARMLESS = (  # what Lightning and torch warn of and we have seen to
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
    device: torch.device,
    devices: int = 1,
    num_nodes: int = 1,
    sync_batchnorm: bool = False,
    precision: Precision = "auto",
    accumulate: int = 1,
    freeze_backbone: int = 0,
    validate_every: int = 5,
    patience: int | None = None,
    resume: bool = False,
    progress_bar: bool = False,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train, leaving in a folder the best checkpoint, ``last``, the resume file, results, chart and TensorBoard logs.

    Args:
        task: what to train.
        data: what on.
        card: of the checkpoints; scores are filled in.
        folder: that exists.
        epochs: in all, those before an interruption included.
        device: of what kind; of several GPUs, which one.
        devices: processes on each node that train together, see `trainer_flags`.
        num_nodes: machines that train together.
        sync_batchnorm: take the statistics of batch normalisation over all processes.
        precision: see `training_precision`.
        accumulate: batches a step of the optimiser, see `batches_a_step`; the task's ``num_steps`` must agree.
        freeze_backbone: first epochs in which the backbone stays as it is, see `FreezeBackbone`.
        validate_every: epochs between two validations; the last epoch always has one.
        patience: validations in a row without a better AP after which training ends; None trains to the last epoch.
        resume: go on from the folder's resume file.
        progress_bar: show how it goes on the terminal, see `LiveTerminal`.
        callbacks: of your own, called before the library's.

    Raises:
        KeyboardInterrupt: after Ctrl-C or SIGTERM, when all is saved.
        ValueError: a picture that cannot be read, an object that no target can be made of, a damaged resume file, one
            of another network or other data, a backbone to freeze where there is none, processes that cannot be had or
            that ended.
    """
    own: list[Callback] = []
    if freeze_backbone:
        backbone(task.detector)  # or its complaint
        own.append(FreezeBackbone(freeze_backbone))
    if patience is not None:
        own.append(Patience(patience))
    with quiet_lightning(), warnings.catch_warnings():
        for message in _HARMLESS:
            warnings.filterwarnings("ignore", message)
        stop = StopOnSignal(folder)
        trainer = Trainer(
            **trainer_flags(device, devices, num_nodes, any_frozen=freeze_backbone > 0),
            precision=training_precision(precision, device),  # type: ignore[arg-type]  # one of Lightning's literals
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
                ValidationPictures(),
                MeasureAtEnd(),
                SameData(data, card.training, folder),
                Journal(folder),
                Checkpoints(folder, card),
                stop,
            ],
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
            use_distributed_sampler=False,
        )
        begin_from = resume_file(folder, task) if resume else None
        try:
            together = synchronised(task.detector, device) if sync_batchnorm else nullcontext()
            with stop.listening(), together, telling_of_the_killed(trainer):
                trainer.fit(task, data, ckpt_path=begin_from, weights_only=True)
        except NotFiniteError:
            raise
        except ValueError as error:
            raise ValueError(_of_a_value(error)) from error
        except RuntimeError as error:
            said = _of_processes(error, trainer.world_size)
            if said is None:
                raise
            raise ValueError(said) from error
        except Interrupted:
            raise KeyboardInterrupt from None
        except SystemExit as error:
            if isinstance(error.__context__, KeyboardInterrupt):  # Lightning ends the process when Ctrl-C comes again
                raise KeyboardInterrupt from None
            raise


def _of_a_value(error: ValueError) -> str:
    """What went wrong, without the traceback that a worker process hands over with it."""
    said = str(error)
    if said.startswith("Expected more than 1 value per channel"):  # torch, of a batch normalisation
        return (
            "a batch of one picture leaves one value a channel where the network is coarsest, and batch normalisation "
            "needs more; raise batch_size or image_size"
        )
    return said.strip().splitlines()[-1].partition(f"{type(error).__name__}: ")[2] or said


def _of_processes(error: RuntimeError, num_processes: int) -> str | None:
    """What an error of torch means, if a process has died; None of any other."""
    said = " ".join(str(error).split())
    if said.startswith("DataLoader worker (pid"):  # as where memory, or Docker's shared memory, runs out
        return f"a process that prepares batches has died ({said}); lower num_workers, or give it more memory"
    if num_processes > 1 and has_lost_another(error):
        return "another process of this training has ended; if it has not said why, the system or a person killed it"
    return None
