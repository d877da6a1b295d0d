"""Training with Lightning's own command line: all its Trainer flags, loggers and callbacks, from one YAML file.

    python lightning_cli.py fit --config lightning_cli.yaml --data.folder bccd --trainer.max_epochs 60

`LightningCLI` reads the signatures of the two functions below. A network of your own needs no change here: write
``model.detector.class_path: my_module.MyDetector`` in the YAML file, with its arguments under ``init_args``.
"""

from typing import Literal

from lightning.pytorch.cli import LightningCLI
from torch import nn

from yolo3 import YoloDataset, YoloLoss, open_dataset
from yolo3.data.transforms import augment
from yolo3.training import DetectionData, DetectionTask, modern


def task(
    detector: nn.Module,
    objectness_target: Literal["binary", "iou"] = "binary",
    learning_rate: float = 2e-3,
    names: tuple[str, ...] = (),
) -> DetectionTask:
    """What is trained.

    Args:
        detector: The network; its anchors are also those of the loss.
        objectness_target: What the objectness of a positive should be.
        learning_rate: The highest of the schedule.
        names: Of the classes.
    """
    loss = YoloLoss(detector.anchors, objectness_target=objectness_target)
    return DetectionTask(detector, loss, modern(learning_rate), names=names)


def data(
    folder: str,
    train_split: str = "train",
    val_split: str = "val",
    image_size: tuple[int, int] = (416, 416),
    mosaic: float = 0.5,
    batch_size: int = 16,
    num_workers: int | None = None,
) -> DetectionData:
    """What it is trained on.

    Args:
        folder: A data set in any of the known formats.
        train_split: To train on.
        val_split: To measure on.
        image_size: (height, width) of the network input.
        mosaic: How probable it is that four pictures become one.
        batch_size: Pictures a batch.
        num_workers: Processes that prepare batches.
    """
    pictures = YoloDataset(
        augment(open_dataset(folder, train_split), mosaic=mosaic), encoder=None, image_size=image_size
    )
    return DetectionData(pictures, open_dataset(folder, val_split), batch_size=batch_size, num_workers=num_workers)


def main() -> LightningCLI:
    """Run a subcommand: fit, or validate."""
    # the recipe brings optimiser and schedule; batches are already shared out among processes
    return LightningCLI(
        task,
        data,
        seed_everything_default=0,
        auto_configure_optimizers=False,
        trainer_defaults={"use_distributed_sampler": False},
    )


if __name__ == "__main__":
    main()
