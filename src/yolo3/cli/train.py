"""``yolo3 train``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from yolo3.cli.building import LossName, build_detector, build_loss, cached, choose_image_size

if TYPE_CHECKING:
    from yolo3.data import SampleSet

_MOSAIC_SHARE = 0.85  # of the epochs: the last ones see pictures as they are


def train(
    data: Path,
    *,
    model: str = "yolov3_compact",
    loss: LossName | None = None,
    weights: Path | None = None,
    weights_layers: int | None = None,
    anchors: str | None = None,
    width: float = 1.0,
    image_size: int | tuple[int, int] | None = None,
    epochs: int = 100,
    batch_size: int | Literal["auto"] = 16,
    nominal_batch: int | None = None,
    output: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    train_split: str | None = None,
    val_split: str | None = None,
    format: Literal["voc", "coco", "yolo"] | None = None,
    allow_outside: bool = False,
    leave_out_faults: bool = False,
    recipe: Literal["modern", "published"] = "modern",
    learning_rate: float | None = None,
    augmentation: Literal["none", "light", "standard", "strong", "overhead"] = "standard",
    mosaic: float = 0.0,
    mixup: float = 0.0,
    multi_scale: bool = False,
    letterbox: Literal["default", "darknet", "stretch"] = "default",
    freeze_backbone: int = 0,
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    validate_every: int = 5,
    patience: int | None = None,
    overfit_check: bool = False,
    cache: str | None = None,
    max_megapixels: float = 180,
    num_workers: int | None = None,
    device: str = "auto",
    devices: int = 1,
    num_nodes: int = 1,
    sync_batchnorm: bool = False,
    seed: int = 0,
) -> None:
    """Train a detector on your own pictures.

    Leaves a folder that is the checkpoint of the best epoch, with metrics.json, results.csv, losses.png, config.yaml,
    TensorBoard logs, what it takes to resume, and in last the checkpoint of the last epoch. Ctrl-C stops it cleanly;
    yolo3 train --config RUN/config.yaml --resume goes on.

    Args:
        data: A data set: a folder, a COCO .json, a data.yaml or an obj.data.
        model: yolov3_compact, yolov3 (the published one), yolov3_nano, yolov3_spp, yolov3_tiny, yolov1, or a Darknet
            .cfg.
        loss: Which loss; focal-giou, which reaches most, unless given. yolov1 has one of its own.
        weights: What to start from: a checkpoint folder or a Darknet .weights file; random unless given.
        weights_layers: Read only the layers below this number from a .weights file, such as one for another number of
            classes. yolo3 info shows the numbers of a .cfg. Default: all.
        anchors: Anchors to train with: auto fits them to the training set, if they then fit better, or a file of yolo3
            anchors --output. Default: the network's own.
        width: Multiplies the channels of the network; 1 is the published one, 0.25 trains on a laptop.
        image_size: Size of the network input in pixels: a number, or [height, width], multiples of the network's
            stride (32 for most). Default: the size in a .cfg, 608 for yolov3_spp, 448 for yolov1, 416 for the others.
        epochs: Times that each picture is seen. May be changed with --resume: the schedule is then that of so many.
        batch_size: Pictures at a time; auto is as many as fit in the memory of a GPU (64 at most), 16 on a CPU.
        nominal_batch: Pictures a step, of as many batches as it takes; one batch unless given.
        output: The folder to make. Default: runs/train, then runs/train-2 and so on; with --resume, the last of them.
        overwrite: Let its contents take the place of those that the folder has.
        resume: Go on with the training that stopped in that folder.
        train_split: To train on; trainval or train unless given.
        val_split: Split to measure on. Default: val or test, or else about a tenth of the images, held out by source
            (frames of one clip, copies of one image).
        format: Of the annotations; recognised unless given.
        allow_outside: Read images that the data set names and that are not in its folder too.
        leave_out_faults: Go on without faulty boxes, lines and images, and say how many there are.
        recipe: modern is AdamW with a cosine, published is Darknet's SGD with steps.
        learning_rate: The highest; the recipe's unless given.
        augmentation: What happens to a picture alone; overhead is for pictures without an up, as of a microscope.
        mosaic: How probable it is that four pictures become one.
        mixup: How probable it is that two pictures are laid over each other.
        multi_scale: Draw another image size every ten steps, from 0.75 to 1.5 times --image-size.
        letterbox: How a picture is fitted to the network input.
        freeze_backbone: First epochs in which the backbone stays as it comes with --weights.
        precision: auto is half precision where the hardware is fast at it.
        validate_every: Epochs between two measurements; the last epoch always has one.
        patience: Measurements in a row without a better AP after which training ends; it goes on unless given.
        overfit_check: First see whether one batch can be learnt by heart, in 50 steps with a copy of the detector.
        cache: Decode and resize each picture once: memory, or a folder to keep them in for the next training too.
        max_megapixels: Largest image that is read, in millions of pixels. Reading takes about 7 bytes a pixel.
        num_workers: Processes that prepare batches; one a core but one unless given.
        device: auto, cpu, cuda or cuda:1.
        devices: Processes that train together, each with its own GPU or its share of the CPU and of the batch.
        num_nodes: Machines that train together; start the command on each, as by torchrun or SLURM.
        sync_batchnorm: Normalise with the statistics over all processes.
        seed: Of everything random.
    """
    arguments = locals()
    import sys
    from contextlib import nullcontext

    import torch

    from yolo3.checkpoint import ModelCard
    from yolo3.cli.announcements import about_to_train, how_to_go_on, what_is_next, where_it_stands
    from yolo3.cli.refitting import Refit, keep_anchors, kept_anchors
    from yolo3.cli.running import (
        check_numbers,
        check_run,
        choose_batch_size,
        chosen_folder,
        leads,
        run_folder,
        share_of_batch,
    )
    from yolo3.cli.splits import check_pictures, open_splits, what_is_shared
    from yolo3.data.dataset import YoloDataset
    from yolo3.data.transforms import augment
    from yolo3.system.devices import choose_device

    is_first = leads(arguments)
    folder = chosen_folder(arguments)
    if is_first:
        check_run(folder, arguments)
    check_numbers(arguments)
    if freeze_backbone and weights is None:
        raise ValueError(
            f"freeze_backbone is {freeze_backbone}; it keeps what the backbone has from --weights: give both"
        )
    num_processes = devices * num_nodes
    share = share_of_batch(batch_size, num_processes)
    if weights_layers is not None and weights is None:
        raise ValueError(f"weights_layers is {weights_layers}; it says how much of --weights to read: give both")
    size, sizes = choose_image_size(model, width, image_size, multi_scale)
    training_set, validation_set = open_splits(
        data,
        format,
        train_split,
        val_split,
        allow_outside=allow_outside,
        leave_out_faults=leave_out_faults,
        max_megapixels=max_megapixels,
    )
    print(f"to train on    {training_set.summary()}\nto measure on  {validation_set.summary()}", flush=True)
    if is_first and (warning := what_is_shared(training_set, validation_set)):
        print(warning, flush=True)
    print("reading every picture once, so that a damaged one is found before training begins", flush=True)
    for samples, purpose in ((training_set, "train"), (validation_set, "measure")):
        if samples.crowd.all():
            raise ValueError(f"none of the {len(samples)} pictures to {purpose} on has an object; look at {data}")
        if is_first and not leave_out_faults:  # which has left out the damaged ones
            check_pictures(samples, max_megapixels)
    torch.manual_seed(seed)
    # a training that goes on has weights of its own, and those that it began from may be gone
    anchors = (kept_anchors(folder) if resume else None) or anchors
    refit = None if anchors is None else Refit(anchors, training_set, size, letterbox, seed)
    start = None if resume else weights
    detector = build_detector(model, len(training_set.names), width, start, weights_layers, refit)

    # Lightning takes seconds
    from yolo3.training import DetectionData, DetectionTask, batches_a_step, fit, modern, num_steps, overfit, published
    from yolo3.training.distributed import trainer_flags

    chosen = {"modern": modern, "published": published}[recipe]
    task = DetectionTask(
        detector,
        build_loss(loss, detector),
        chosen() if learning_rate is None else chosen(learning_rate),
        names=training_set.names,
    )
    pictures = YoloDataset(
        augment(
            cached(training_set, cache, max(sizes), letterbox, max_megapixels),
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
        batch_size=share,
        image_sizes=sizes,
        letterbox=letterbox,
        num_workers=num_workers,
        seed=seed,
        max_megapixels=max_megapixels,
    )
    where = choose_device(device)
    if batch_size == "auto":
        batches.batch_size = choose_batch_size(task, batches, where, precision, nominal_batch)
        arguments["batch_size"] = batches.batch_size  # a training that is resumed must have the same
        torch.manual_seed(seed)
    accumulate = 1 if nominal_batch is None else batches_a_step(nominal_batch, batches.batch_size, num_processes)
    task.num_steps = num_steps(batches, epochs, accumulate, num_processes)
    card = ModelCard(
        training_set.names,
        size,
        letterbox,
        training=training_set.digest(),
        category_ids=training_set.category_ids,
    )
    trainer_flags(where, devices, num_nodes)  # complains before the folder is touched
    if is_first:
        print(about_to_train(task, batches, where, precision, arguments), flush=True)
    if overfit_check and is_first and not resume:
        print("overfit check: learning one batch by heart", flush=True)
        report = overfit.overfit_check(task, batches, device=where, precision=precision)
        print(f"\noverfit check, {report}\n", flush=True)
        if not report.passed:
            raise ValueError(f"overfit check: {report.verdict}")
    if is_first:
        print(where_it_stands(folder, epochs, validate_every, resume), flush=True)
    with run_folder(folder, arguments) if is_first else nullcontext(folder) as folder:
        if refit and is_first:
            keep_anchors(folder, cast(Any, detector).anchors, refit)
        try:
            fit(
                task,
                batches,
                card,
                folder,
                epochs=epochs,
                device=where,
                devices=devices,
                num_nodes=num_nodes,
                sync_batchnorm=sync_batchnorm,
                precision=precision,
                accumulate=accumulate,
                freeze_backbone=freeze_backbone,
                validate_every=validate_every,
                patience=patience,
                resume=resume,
                progress_bar=sys.stderr.isatty(),
            )
        except KeyboardInterrupt:
            print(how_to_go_on(folder), flush=True)
            raise
    if is_first:
        conclude(folder, validation_set, precision, device, max_megapixels)
        print(what_is_next(folder))


def conclude(
    output: Path,
    validation: "SampleSet",
    precision: Literal["auto", "fp32", "bf16", "fp16"],
    device: str,
    max_megapixels: float,
) -> None:
    """Measure the best checkpoint as anyone will who uses it, and say what is where."""
    from yolo3.cli.evaluate import measure, write_metrics
    from yolo3.predictor import Predictor
    from yolo3.training.measuring import EVALUATION_IOU, EVALUATION_SCORE

    print(f"measuring the best checkpoint on {len(validation):,} pictures", flush=True)
    predictor = Predictor.from_checkpoint(
        output, min_score=EVALUATION_SCORE, iou_threshold=EVALUATION_IOU, precision=precision, device=device
    )
    metrics = measure(predictor, validation, max_megapixels)
    write_metrics(output, metrics, validation)
    print(f"\n{metrics}\n\n{output}: the checkpoint of the best epoch, metrics.json, results.csv, losses.png")
