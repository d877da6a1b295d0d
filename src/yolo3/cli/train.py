"""``yolo3 train``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from yolo3.data import SampleSet
    from yolo3.protocols import DetectionLoss, Detector

_MOSAIC_SHARE = 0.85  # of the epochs: the last ones see pictures as they are

LossName = Literal["yolo", "multi-anchor", "focal-giou", "darknet"]


def train(
    data: Path,
    *,
    model: str = "yolov3_compact",
    loss: LossName | None = None,
    weights: Path | None = None,
    width: float = 1.0,
    image_size: int | tuple[int, int] = 416,
    epochs: int = 100,
    batch_size: int = 16,
    output: Path = Path("runs/train"),
    overwrite: bool = False,
    resume: bool = False,
    train_split: str | None = None,
    val_split: str | None = None,
    format: Literal["voc", "coco", "yolo"] | None = None,
    recipe: Literal["modern", "published"] = "modern",
    learning_rate: float | None = None,
    augmentation: Literal["none", "light", "standard", "strong", "overhead"] = "standard",
    mosaic: float = 0.0,
    mixup: float = 0.0,
    multi_scale: bool = False,
    letterbox: Literal["default", "darknet", "stretch"] = "default",
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    validate_every: int = 5,
    num_workers: int | None = None,
    device: str = "auto",
    seed: int = 0,
) -> None:
    """Train a detector on your own pictures.

    Leaves a folder that is the checkpoint of the best epoch, with metrics.json, results.csv, losses.png, config.yaml,
    TensorBoard logs, what it takes to resume, and in last the checkpoint of the last epoch. Ctrl-C stops it cleanly;
    yolo3 train --config RUN/config.yaml --resume goes on.

    Args:
        data: A data set: a folder, a COCO .json, a data.yaml or an obj.data.
        model: yolov3_compact, yolov3 (the published one), yolov3_nano, yolov3_spp, yolov3_tiny, yolov1 (whose
            --image-size is 448), or a Darknet .cfg.
        loss: Which loss; yolo unless given. yolov1 has one of its own.
        weights: What to start from: a checkpoint folder or a Darknet .weights file; random unless given.
        width: Multiplies the channels of the network; 1 is the published one, 0.25 trains on a laptop.
        image_size: Of the network input: a number, or [height, width]; multiples of 32.
        epochs: Times that each picture is seen.
        batch_size: Pictures a step.
        output: The folder to make.
        overwrite: Let it take the place of one that exists.
        resume: Go on with the training that stopped in that folder.
        train_split: To train on; trainval or train unless given.
        val_split: To measure on; test or val unless given, or every tenth picture where the data set has neither.
        format: Of the annotations; recognised unless given.
        recipe: modern is AdamW with a cosine, published is Darknet's SGD with steps.
        learning_rate: The highest; the recipe's unless given.
        augmentation: What happens to a picture alone; overhead is for pictures without an up, as of a microscope.
        mosaic: How probable it is that four pictures become one.
        mixup: How probable it is that two pictures are laid over each other.
        multi_scale: Draw another image size every ten steps.
        letterbox: How a picture is fitted to the network input.
        precision: auto is half precision where the hardware is fast at it.
        validate_every: Epochs between two measurements; the last epoch always has one.
        num_workers: Processes that prepare batches; one a core but one unless given.
        device: auto, cpu, cuda or cuda:1.
        seed: Of everything random.
    """
    arguments = locals()
    import sys

    import torch

    from yolo3.checkpoint import ModelCard
    from yolo3.cli.running import check_run, run_folder
    from yolo3.cli.splits import check_pictures, open_splits
    from yolo3.data.dataset import YoloDataset
    from yolo3.data.loading import sizes_around
    from yolo3.data.transforms import augment
    from yolo3.devices import choose_device
    from yolo3.structures import check_image_size

    check_run(output, arguments)
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("validate_every", validate_every)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1")
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    check_image_size(size, 32)
    training_set, validation_set = open_splits(data, format, train_split, val_split)
    print(f"to train on    {training_set.summary()}\nto measure on  {validation_set.summary()}", flush=True)
    for samples in (training_set, validation_set):
        check_pictures(samples)
    torch.manual_seed(seed)
    detector = build_detector(model, len(training_set.names), width, weights)
    check_image_size(size, detector.stride)

    from yolo3.training import DetectionData, DetectionTask, fit, modern, published  # Lightning takes seconds

    pictures = YoloDataset(
        augment(
            training_set,
            augmentation,
            mosaic=mosaic,
            mosaic_epochs=round(_MOSAIC_SHARE * epochs),
            mixup=mixup,
            letterbox=letterbox,
        ),
        encoder=None,
        image_size=size,
    )
    batches = DetectionData(
        pictures,
        validation_set,
        batch_size=batch_size,
        image_sizes=sizes_around(size) if multi_scale else None,
        letterbox=letterbox,
        num_workers=num_workers,
        seed=seed,
    )
    chosen = {"modern": modern, "published": published}[recipe]
    task = DetectionTask(
        detector,
        build_loss(loss, detector),
        chosen() if learning_rate is None else chosen(learning_rate),
        names=training_set.names,
        num_steps=epochs * len(batches.keys()),
    )
    card = ModelCard(training_set.names, size, letterbox, training=training_set.digest())
    with run_folder(output, arguments):
        fit(
            task,
            batches,
            card,
            output,
            epochs=epochs,
            device=choose_device(device),
            precision=precision,
            validate_every=validate_every,
            resume=resume,
            progress_bar=sys.stderr.isatty(),
        )
    conclude(output, validation_set, precision, device)


def build_detector(model: str, num_classes: int, width: float, weights: Path | None) -> "Detector":
    """A detector to train.

    Args:
        model: the name of a preset, or the path of a ``.cfg``.
        num_classes: of the data set.
        width: of the hand-written networks.
        weights: to start from, a checkpoint folder or a ``.weights`` file; None leaves them random.

    Raises:
        ValueError: an unknown model, one of another number of classes, weights that do not fit.
    """
    from yolo3.cli.model import untrained
    from yolo3.darknet import Darknet, load_darknet_weights

    detector: Detector
    if not model.endswith(".cfg"):
        detector, _ = untrained(model, num_classes, width)
    elif width != 1:
        raise ValueError(f"--width {width:g} does not go with {model}, which says its own channels")
    else:
        detector = Darknet(model)
        if detector.num_classes != num_classes:
            raise ValueError(
                f"{model} is for {detector.num_classes} classes, the data set has {num_classes}; in every [yolo] write "
                f"classes={num_classes}, and filters={3 * (5 + num_classes)} in the [convolutional] before it"
            )
    if weights is not None and weights.is_dir():
        start_from(detector, weights)
    elif weights is not None:
        print(f"starting from {weights}: {load_darknet_weights(cast(Any, detector), weights)}")
    return detector


def build_loss(name: LossName | None, detector: "Detector") -> "DetectionLoss":
    """A loss for a detector.

    Raises:
        ValueError: one that does not go with the detector.
    """
    from yolo3.losses import DarknetLoss, FocalGIoULoss, MultiAnchorLoss, YoloLoss, YoloV1Loss
    from yolo3.models import YOLOv1

    if isinstance(detector, YOLOv1):
        if name is not None:
            raise ValueError(f"--loss {name} is for detectors with anchors; yolov1 has a loss of its own")
        return YoloV1Loss(detector.num_classes, num_boxes=detector.num_boxes)
    anchors = getattr(detector, "anchors", None)
    if anchors is None:
        raise ValueError(f"a {type(detector).__name__} without anchors cannot be trained here; choose another --model")
    if name == "multi-anchor":
        return MultiAnchorLoss(anchors)
    if name == "focal-giou":
        return FocalGIoULoss(anchors)
    return DarknetLoss(anchors) if name == "darknet" else YoloLoss(anchors)


def start_from(detector: "Detector", folder: Path) -> None:
    """Fill in what a checkpoint has in the same shape: all of it, or all but the heads of other classes.

    Raises:
        ValueError: no checkpoint, or one of another network.
    """
    from yolo3.checkpoint import load_checkpoint

    module, other = cast(Any, detector), cast(Any, load_checkpoint(folder)[0])
    own, found = module.state_dict(), other.state_dict()
    fitting = {name: tensor for name, tensor in found.items() if name in own and own[name].shape == tensor.shape}
    if 2 * len(fitting) < len(own):
        raise ValueError(
            f"{folder} fits {len(fitting)} of {len(own)} tensors of the network; choose the --model and --width it has"
        )
    module.load_state_dict(fitting, strict=False)
    print(f"starting from {folder}: {len(fitting)} of {len(own)} tensors fit")


def conclude(
    output: Path, validation: "SampleSet", precision: Literal["auto", "fp32", "bf16", "fp16"], device: str
) -> None:
    """Measure the best checkpoint as anyone will who uses it, and say what is where."""
    from yolo3.cli.evaluate import measure, write_metrics
    from yolo3.predictor import Predictor
    from yolo3.training.task import EVALUATION_IOU, EVALUATION_SCORE

    predictor = Predictor.from_checkpoint(
        output, min_score=EVALUATION_SCORE, iou_threshold=EVALUATION_IOU, precision=precision, device=device
    )
    metrics = measure(predictor, validation)
    write_metrics(output, metrics, validation)
    print(f"\n{metrics}\n\n{output}: the checkpoint of the best epoch, metrics.json, results.csv, losses.png")
