"""``yolo3 train``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from yolo3.cli.losses import build_loss
from yolo3.cli.options import flat
from yolo3.cli.train_options import (
    Output,
    Schedule,
    TrainedInput,
    TrainedModel,
    TrainingAugmentation,
    TrainingData,
)
from yolo3.cli.training_network import build_detector, choose_image_size, images_seen, model_channels
from yolo3.system.hardware import Hardware, TrainingHardware

if TYPE_CHECKING:
    from yolo3.data import SampleSet
    from yolo3.training import Recipe


def train(
    data: Path | None = None,
    *,
    dataset: TrainingData,
    network: TrainedModel,
    network_input: TrainedInput,
    schedule: Schedule,
    augmenting: TrainingAugmentation,
    hardware: TrainingHardware,
    run: Output,
) -> None:
    """Train a detector on your own images.

    Writes a folder with the checkpoint of the best epoch or the last, metrics.json, results.csv, losses.png,
    config.yaml, TensorBoard logs, the state needed to resume, and in last/ the checkpoint of the last epoch. Ctrl-C
    stops training cleanly; yolo3 train --config RUN/config.yaml --resume continues it.

    Args:
        data: Data set: a folder, a COCO .json, a .csv, a .parquet, a data.yaml or an obj.data.
        dataset: Splits, and how images are read.
        network: Network, weights to start from, loss.
        network_input: Size of the network input, and how images are fitted to it.
        schedule: Epochs, batches, optimiser.
        augmenting: Augmentation.
        hardware: Devices and precision.
        run: Folder of the run.
    """
    arguments = flat(locals())
    import sys
    from contextlib import nullcontext

    import torch

    from yolo3.boxes import InputFormat
    from yolo3.checkpoint import ModelCard
    from yolo3.cli.announcements import about_to_train, how_to_go_on, what_is_kept, what_is_next, where_it_stands
    from yolo3.cli.model import is_checkpoint
    from yolo3.cli.published import weights_file
    from yolo3.cli.refitting import Refit, keep_anchors, kept_anchors
    from yolo3.cli.split_choice import measures_test_split
    from yolo3.cli.training_images import augmented_images, open_images
    from yolo3.cli.training_run import (
        USUAL_BATCH,
        check_numbers,
        check_run,
        choose_batch_size,
        chosen_folder,
        leads,
        run_folder,
        share_of_batch,
        usual_batch_size,
    )
    from yolo3.data import dataset_splits
    from yolo3.data.transforms import left_out
    from yolo3.losses import RegionLoss
    from yolo3.protocols import anchors_of
    from yolo3.system.devices import choose_training_device

    is_first = leads(arguments)
    folder = chosen_folder(arguments)
    if is_first:
        check_run(folder, arguments)
    check_numbers(arguments)
    if network.weights is None:
        _check_needs_no_weights(network)
    num_processes = hardware.devices * hardware.num_nodes
    share = share_of_batch(schedule.batch_size or USUAL_BATCH, num_processes)
    channels = model_channels(network.model, network.channels)
    # a training that goes on has weights of its own, and those that it began from may be gone
    start = None if run.resume or network.weights is None else weights_file(network.weights)
    size, sizes = choose_image_size(
        network.model, network.width, network_input.image_size, augmenting.multi_scale, channels
    )
    input_format = InputFormat(size, network_input.letterbox, channels)
    source = dataset.source(data)
    training_set, validation_set = open_images(dataset, source, channels, is_first)
    if schedule.batch_size is None:
        share = usual_batch_size(len(training_set), num_processes) // num_processes
    is_test = measures_test_split(dataset_splits(source, dataset.format), dataset.train_split, dataset.val_split)
    keep = schedule.keep or ("last" if is_test else "best")
    torch.manual_seed(schedule.seed)
    anchors = (kept_anchors(folder) if run.resume else None) or network.anchors
    refit = None if anchors is None else Refit(anchors, training_set, input_format, schedule.seed)
    own_start = start is not None and is_checkpoint(start)  # a checkpoint, which may bring its anchors along
    detector = build_detector(
        network.model,
        len(training_set.names),
        network.width,
        start,
        network.weights_layers,
        refit,
        channels,
        network.adapt_channels,
    )

    # Lightning takes seconds
    from yolo3.training import (
        DetectionData,
        DetectionTask,
        batches_per_step,
        fit,
        num_steps,
        overfit,
    )
    from yolo3.training.distributed import trainer_flags
    from yolo3.training.region_prior import RegionPrior

    task = DetectionTask(
        detector,
        build_loss(network.loss, detector, network.loss_options or ()),
        names=training_set.names,
    )
    batches = DetectionData(
        augmented_images(training_set, dataset, augmenting, schedule.epochs, input_format, max(sizes)),
        validation_set,
        batch_size=share,
        image_sizes=sizes,
        num_workers=dataset.num_workers,
        seed=schedule.seed,
        max_megapixels=dataset.max_megapixels,
    )
    if schedule.batch_size == "auto":
        batches.batch_size = choose_batch_size(task, batches, hardware, schedule.nominal_batch)
        arguments["batch_size"] = batches.batch_size  # a training that is resumed must have the same
        torch.manual_seed(schedule.seed)
    accumulate = 1
    if schedule.nominal_batch is not None:
        accumulate = batches_per_step(schedule.nominal_batch, batches.batch_size, num_processes)
    task.num_steps = num_steps(batches, schedule.epochs, accumulate, num_processes)
    # known only now, since --batch-size auto tries the task
    task.recipe = _recipe(schedule, batches.batch_size * num_processes * accumulate)
    card = ModelCard(
        training_set.names,
        size,
        input_format.letterbox,
        training=training_set.digest(),
        category_ids=training_set.category_ids,
    )
    # complains of devices before the folder is touched
    trainer_flags(choose_training_device(hardware.device), hardware.devices, hardware.num_nodes)
    if is_first:
        print(about_to_train(task, batches, hardware, arguments), flush=True)
        if steps := left_out(augmenting.augmentation, channels):
            print(f"augmentation: left out {steps}, which need red, green and blue", flush=True)
    if schedule.overfit_check and is_first and not run.resume:
        print("overfit check: learning one batch by heart", flush=True)
        report = overfit.overfit_check(task, batches, hardware=hardware)
        print(f"\noverfit check, {report}\n", flush=True)
        if not report.passed:
            raise ValueError(f"overfit check: {report.verdict}")
    if is_first:
        print(what_is_kept(keep, is_test, schedule.patience), flush=True)
        print(where_it_stands(folder, schedule.epochs, schedule.validate_every, run.resume), flush=True)
    with run_folder(folder, arguments) if is_first else nullcontext(folder) as folder:
        if is_first and (refit or own_start) and (used := anchors_of(detector)):
            keep_anchors(folder, used, input_format)
        try:
            fit(
                task,
                batches,
                card,
                folder,
                epochs=schedule.epochs,
                hardware=hardware,
                accumulate=accumulate,
                freeze_backbone=network.freeze_backbone,
                validate_every=schedule.validate_every,
                keep=keep,
                patience=schedule.patience,
                resume=run.resume,
                progress_bar=sys.stderr.isatty(),
                callbacks=[RegionPrior(images_seen(start))] if isinstance(task.loss, RegionLoss) else [],
            )
        except KeyboardInterrupt:
            print(how_to_go_on(folder), flush=True)
            raise
    if is_first:
        conclude(folder, validation_set, hardware, dataset.max_megapixels)
        print(what_is_next(folder))


def _check_needs_no_weights(network: TrainedModel) -> None:
    """Raise the ValueError of an option that says what to do with weights, where none are given."""
    for name, purpose in (
        ("freeze_backbone", "keeps what the backbone has from --weights"),
        ("weights_layers", "says how much of --weights to read"),
        ("adapt_channels", "says how to fit --weights"),
    ):
        if (value := getattr(network, name)) not in (None, 0):
            raise ValueError(f"{name} is {value}; it {purpose}: give both")


def _recipe(schedule: Schedule, images_per_step: int) -> "Recipe":
    """Optimiser and learning rate as the options say."""
    from yolo3.training import modern, published

    if schedule.recipe == "modern":
        return modern(schedule.learning_rate, batch_size=images_per_step)
    return published() if schedule.learning_rate is None else published(schedule.learning_rate)


def conclude(
    output: Path,
    validation: "SampleSet",
    hardware: Hardware,
    max_megapixels: float,
) -> None:
    """Measure the checkpoint as anyone will who uses it, and say what is where."""
    from yolo3.checkpoint import read_card
    from yolo3.cli.evaluate import measure
    from yolo3.evaluation import Measured, write_metrics
    from yolo3.predictor import Predictor
    from yolo3.suppression import EVALUATION_IOU, EVALUATION_SCORE

    selection = read_card(output).selection
    print(f"measuring the checkpoint, {selection}, on {len(validation):,} images", flush=True)
    predictor = Predictor.from_checkpoint(
        output,
        min_score=EVALUATION_SCORE,
        iou_threshold=EVALUATION_IOU,
        device=hardware.device,
        precision=hardware.precision,
    )
    metrics = measure(predictor, validation, max_megapixels)
    measured = Measured(data=validation.origin, num_images=len(validation))
    if selection is not None:
        measured["selection"] = asdict(selection)
    write_metrics(output, metrics, measured)
    print(f"\n{metrics}\n\n{output}: the checkpoint ({selection}), metrics.json, results.csv, losses.png")
