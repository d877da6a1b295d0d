"""The options of ``yolo3 train``, in groups; see `yolo3.cli.options`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yolo3.choices import ChannelRule, Keep, LossName, RecipeName
from yolo3.cli.options import Augmenting, NamedDataSet, TrainingInput


@dataclass(frozen=True)
class TrainingData(NamedDataSet):
    """Data.

    Args:
        train_split: Split to train on. Default: trainval or train.
        val_split: Split to measure on. Default: val or test, or else about a tenth of the images is held out, one
            source at a time (the frames of one clip, copies of one image), with a fair share of each class.
        split_seed: Seed for choosing the images to hold out, if there is no split to measure on.
        leave_out_faults: Leave out faulty boxes, lines and images, and report their number.
        cache: Cache of decoded and resized images: memory, or a folder that later trainings reuse. Default: none; each
            image is decoded again in every epoch.
        max_megapixels: Largest image that is read, in millions of pixels. Reading takes about 7 bytes per pixel.
        num_workers: Number of data-loading workers. Default: CPU cores minus one, at most 8.
    """

    train_split: str | None = None
    val_split: str | None = None
    split_seed: int = 0
    leave_out_faults: bool = False
    cache: str | None = None
    max_megapixels: float = 180
    num_workers: int | None = None


@dataclass(frozen=True)
class TrainedModel:
    """Model.

    Args:
        model: Network: yolov3_compact, yolov3 (the published one), yolov3_nano, yolov3_spp, yolov3_tiny, yolov1,
            yolov1_fast, or a Darknet .cfg.
        width: Factor of the network's channels; 1 is the published network, 0.25 trains on a laptop.
        channels: Number of channels of the images: 1 for grey, 4 for red, green, blue and infrared, for example.
            Default: 3, or the channels of a .cfg.
        weights: Pretrained weights to start from (fine-tuning): a checkpoint folder, hf://user/name on the Hugging Face
            Hub, a Darknet .weights file, or the name of a published one such as darknet53.conv.74. Default: random.
        weights_layers: Read only the layers below this number from a .weights file, such as one for another number of
            classes. yolo3 info shows the numbers of a .cfg. Default: all.
        adapt_channels: How --weights for RGB are adapted to images with another number of channels: the sum or the mean
            of the kernels of the first convolution stays the same. Default: such weights are an error.
        freeze_backbone: Number of epochs, from the first, in which the backbone is frozen.
        anchors: Anchors to train with: auto fits them to the training set, if they then fit better, or a file of yolo3
            anchors --output. Default: those of the checkpoint in --weights, if it has as many classes, otherwise the
            network's own.
        loss: Loss to train with. Default: focal-giou, which reaches the highest AP, or region for a .cfg of YOLOv2;
            yolov1 has a loss of its own.
        loss_options: Options of the loss, as in box_weight=2.0,gamma=1.5; they replace the settings of a .cfg. For an
            unknown name the error lists the known ones.
    """

    model: str = "yolov3_compact"
    width: float = 1.0
    channels: int | None = None
    weights: Path | None = None
    weights_layers: int | None = None
    adapt_channels: ChannelRule | None = None
    freeze_backbone: int = 0
    anchors: str | None = None
    loss: LossName | None = None
    loss_options: list[str] | None = None


@dataclass(frozen=True)
class TrainedInput(TrainingInput):
    """Network input.

    Args:
        image_size: Size of the network input in pixels, a number or [height, width], multiples of the network's stride
            (32 for most). Default: the size in a .cfg, 608 for yolov3_spp, 448 for yolov1 and yolov1_fast, 416 for the
            others.
    """


@dataclass(frozen=True)
class Schedule:
    """Schedule.

    Args:
        epochs: Number of epochs. May be changed with --resume; the schedule then follows the new number.
        batch_size: Number of images per batch. auto chooses as many as fit in GPU memory (at most 64), and 16 on a CPU.
            Default: 16, or 4 where fewer than 500 training images would make few steps.
        nominal_batch: Number of images per optimiser step; the gradients of as many batches as needed are accumulated.
            Default: one batch.
        recipe: Optimiser and learning rate schedule: modern is AdamW with a cosine, published is Darknet's SGD with
            steps.
        learning_rate: Peak learning rate. Default: the recipe's; that of modern is 2e-3 at 16 images per step, 4e-3 at
            64, 1e-3 at 4.
        validate_every: Number of epochs between two evaluations; the last epoch always has one.
        keep: Epoch to keep: best is the one with the highest AP. Default: best, or last if the test split is measured
            on, since nothing may be chosen on it.
        patience: Early stopping: stop after this many evaluations without a better AP. Default: off.
        overfit_check: Check first that a copy of the detector can overfit one batch in 50 steps.
        seed: Seed of all random numbers.
    """

    epochs: int = 100
    batch_size: int | Literal["auto"] | None = None
    nominal_batch: int | None = None
    recipe: RecipeName = "modern"
    learning_rate: float | None = None
    validate_every: int = 5
    keep: Keep | None = None
    patience: int | None = None
    overfit_check: bool = False
    seed: int = 0


@dataclass(frozen=True)
class TrainingAugmentation(Augmenting):
    """Augmentation.

    Args:
        multi_scale: Multi-scale training: choose a random image size every ten steps, from 0.75 to 1.5 times
            --image-size.
    """

    multi_scale: bool = False


@dataclass(frozen=True)
class Output:
    """Output.

    Args:
        output: Folder to write. Default: runs/train, then runs/train-2 and so on; with --resume, the last of them.
        overwrite: Replace the contents of the folder if it has some.
        resume: Continue the training that stopped in that folder.
    """

    output: Path | None = None
    overwrite: bool = False
    resume: bool = False
