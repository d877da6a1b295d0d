"""The images of ``yolo3 train``: opened and checked, kept in a cache, augmented."""

from pathlib import Path

from yolo3.boxes import InputFormat
from yolo3.cli.splits import check_images, open_splits, what_is_shared
from yolo3.cli.train_options import TrainingAugmentation, TrainingData
from yolo3.data import ImageCache, ImageReader, ImageSourceLike, SampleSet, YoloDataset
from yolo3.data.source import DataSource
from yolo3.data.transforms import augment

_MOSAIC_SHARE = 0.85  # of the epochs: the last ones see images as they are


def open_images(
    dataset: TrainingData, source: DataSource, channels: int, is_first: bool
) -> tuple[SampleSet, SampleSet]:
    """The images to train on and those to measure on, which the first process of a training checks and announces."""
    training_set, validation_set = open_splits(
        source,
        dataset.format,
        dataset.train_split,
        dataset.val_split,
        split_seed=dataset.split_seed,
        allow_outside=dataset.allow_outside,
        leave_out_faults=dataset.leave_out_faults,
        max_megapixels=dataset.max_megapixels,
        channels=channels,
    )
    print(f"to train on    {training_set.summary()}\nto measure on  {validation_set.summary()}", flush=True)
    if is_first and (warning := what_is_shared(training_set, validation_set)):
        print(warning, flush=True)
    is_to_check = is_first and not dataset.leave_out_faults  # which has left out the damaged ones
    if is_to_check:
        print("reading every image once, so that a damaged one is found before training begins", flush=True)
    for samples, purpose in ((training_set, "train"), (validation_set, "measure")):
        if samples.crowd.all():
            raise ValueError(f"none of the {len(samples)} images to {purpose} on has an object; look at {source}")
        if is_to_check:
            check_images(samples, dataset.max_megapixels, channels)
    return training_set, validation_set


def augmented_images(
    samples: SampleSet,
    dataset: TrainingData,
    augmenting: TrainingAugmentation,
    epochs: int,
    input_format: InputFormat,
    largest: tuple[int, int],
) -> YoloDataset:
    """The images to train on, augmented; of a cache at the largest size that training asks for."""
    images = augment(
        cached(samples, dataset.cache, input_format.at(largest), dataset.max_megapixels),
        augmenting.augmentation,
        mosaic=augmenting.mosaic,
        mosaic_epochs=round(_MOSAIC_SHARE * epochs),
        mixup=augmenting.mixup,
        input_format=input_format,
    )
    return YoloDataset(
        images,
        encoder=None,
        image_size=input_format.size,
        letterbox=input_format.letterbox,
        channels=input_format.channels,
    )


def cached(
    samples: SampleSet,
    where: str | None,
    input_format: InputFormat,
    max_megapixels: float,
) -> ImageSourceLike:
    """A reader of the images, or a cache of them, decoded and resized once.

    Args:
        samples: Samples to train on.
        where: ``memory`` or a folder; None reads an image each time it is wanted.
        input_format: Network input, of the largest size that training asks for.
        max_megapixels: Largest image that is read, in 10⁶ pixels.

    Raises:
        ValueError: A file where the folder should be; an image that cannot be read.
    """
    if where is None:
        return ImageReader(samples, input_format, max_megapixels)
    if Path(where).is_file():
        raise ValueError(f"--cache {where} is a file; name a folder, or say memory")
    folder = None if where == "memory" else Path(where)
    return ImageCache.of(samples, input_format, folder, max_megapixels)
