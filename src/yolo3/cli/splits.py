"""The DATA of a command line: which of its pictures train a detector and which measure it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from yolo3.cli.progress import progress
from yolo3.data import Format, SampleSet, dataset_splits, image_size, open_dataset, read_image
from yolo3.data.images import located
from yolo3.images import MAX_MEGAPIXELS, ImageTooLarge

_HELD_OUT = 10  # one picture in so many, where a data set has no split to measure on
_READ_WHOLE = 5_000  # pictures of a data set that are all decoded before a run; it takes a few seconds


def open_splits(
    data: Path,
    format: Format | None,
    train_split: str | None,
    val_split: str | None,
    names: Sequence[str] | None = None,
) -> tuple[SampleSet, SampleSet]:
    """The pictures to train on and those to measure on.

    Args:
        data: a data set.
        format: of its annotations; None recognises it.
        train_split: None chooses, see `choose_splits`.
        val_split: None chooses; where there is none, every tenth picture is held out.
        names: of the classes, in order; None is the data set's own.

    Raises:
        ValueError: a data set that cannot be read, or a split without pictures.
    """
    train_split, val_split = choose_splits(dataset_splits(data, format), train_split, val_split)
    train = open_dataset(data, train_split, format, names)
    if val_split is not None:
        validation = open_dataset(data, val_split, format, train.names)
    else:
        validation = train.subset(range(0, len(train), _HELD_OUT))
        train = train.subset(index for index in range(len(train)) if index % _HELD_OUT)
    for samples, purpose in ((train, "train"), (validation, "measure")):
        if not len(samples):
            raise ValueError(f"{samples.origin}: no picture to {purpose} on; choose --train-split and --val-split")
    return train, validation


def choose_splits(
    available: Sequence[str], train_split: str | None = None, val_split: str | None = None
) -> tuple[str | None, str | None]:
    """Fill in the splits that were not named.

    Where there is ``trainval`` it trains and ``test`` measures, as for Pascal VOC; else what begins with ``train`` and
    ``val``, or ``test`` where there is no ``val``. None stands for all pictures, and for a part of those that train.
    """

    def first(*beginnings: str) -> str | None:
        matches = [name for start in beginnings for name in sorted(available) if name.startswith(start)]
        return next((name for name in matches if name != train_split), None)

    has_trainval = "trainval" in available and "test" in available
    train_split = train_split or ("trainval" if has_trainval else first("train"))
    return train_split, val_split or (first("test", "val") if train_split == "trainval" else first("val", "test"))


def check_pictures(samples: SampleSet, max_megapixels: float = MAX_MEGAPIXELS) -> None:
    """Read every picture once, so that a damaged one stops a run before it starts and not hours later.

    Of large data sets only the headers are read: that still finds what is missing or of another size.

    Args:
        samples: The images.
        max_megapixels: Largest image that is read, in 10⁶ pixels.

    Raises:
        ValueError: the first picture that cannot be read, or is not of the size its annotation says.
    """

    def check(index: int) -> None:
        path, expected = samples.path(index), (int(samples.sizes[index, 0]), int(samples.sizes[index, 1]))
        if len(samples) <= _READ_WHOLE:
            read_image(path, expected_size=expected, max_megapixels=max_megapixels)
        elif (size := image_size(path)) != expected:
            raise ValueError(f"{path}: the picture is {size}, its annotation says {expected} (height, width)")
        elif size[0] * size[1] > max_megapixels * 1e6:
            raise located(path, ImageTooLarge(size[1], size[0], max_megapixels))

    with ThreadPoolExecutor() as threads:
        checks = [threads.submit(check, index) for index in range(len(samples))]
        try:
            for finished in progress(checks, len(checks), "checking pictures"):
                finished.result()
        finally:
            threads.shutdown(cancel_futures=True)
