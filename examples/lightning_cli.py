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
    """The detector to train, with its loss and optimiser.

    Args:
        detector: Network to train; the loss takes its anchors.
        objectness_target: Objectness target of positive slots: 1, or the IoU of the predicted box.
        learning_rate: Peak learning rate of the schedule.
        names: Class names.
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
    """The images to train and to evaluate on.

    Args:
        folder: Data set, in any format that yolo3 recognises.
        train_split: Split to train on.
        val_split: Split to evaluate on.
        image_size: (height, width) of the network input.
        mosaic: Probability of a mosaic of four images.
        batch_size: Images per batch.
        num_workers: Number of data-loading workers. Default: CPU cores minus one.
    """
    images = YoloDataset(augment(open_dataset(folder, train_split), mosaic=mosaic), encoder=None, image_size=image_size)
    return DetectionData(images, open_dataset(folder, val_split), batch_size=batch_size, num_workers=num_workers)


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
