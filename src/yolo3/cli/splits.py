"""The DATA of a command line: the images that train a detector and those that measure it, opened and checked."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypedDict

from yolo3.cli.data_source import data_source
from yolo3.cli.progress import progress
from yolo3.cli.split_choice import choose_splits
from yolo3.data import DataError, SampleSet, dataset_splits, open_dataset, read_image
from yolo3.data.faults import Fault, LeaveOut
from yolo3.data.held_out import held_out
from yolo3.data.images import facts_of, located
from yolo3.data.source import DataPlace
from yolo3.data.split_names import split_meaning
from yolo3.evaluation import shared_images
from yolo3.images import MAX_MEGAPIXELS, ImageError, ImageTooLarge, check_channels

_READ_WHOLE = 5_000  # images of a data set that are all decoded before a run; it takes a few seconds


def open_splits(
    data: DataPlace,
    format: str | None,
    train_split: str | None,
    val_split: str | None,
    names: Sequence[str] | None = None,
    *,
    split_seed: int = 0,
    allow_outside: bool = False,
    leave_out_faults: bool = False,
    max_megapixels: float = MAX_MEGAPIXELS,
    channels: int | None = None,
) -> tuple[SampleSet, SampleSet]:
    """The images to train on and those to measure on.

    Args:
        data: Data set.
        format: Format of the annotations; None recognises it.
        train_split: Split to train on; None chooses, see `choose_splits`.
        val_split: Split to measure on; None chooses; where there is none, about a tenth of the images is held out,
            see `held_out`.
        names: Class names, in order; None is the data set's own.
        split_seed: Seed that draws the images that are held out.
        allow_outside: Take images that are not in the data set's folder too.
        leave_out_faults: Go on without what is faulty, and without the images that cannot be read.
        max_megapixels: Largest image that is read, in 10⁶ pixels, where those that cannot be read are left out.
        channels: Number of channels that the network takes; None takes images of any.

    Raises:
        ValueError: a data set that cannot be read, or a split without images.
    """
    train_split, val_split = choose_splits(dataset_splits(data, format), train_split, val_split)

    def opened(split: str | None, names: Sequence[str] | None) -> SampleSet:
        return open_split(data, split, format, names, allow_outside, leave_out_faults, max_megapixels, channels)

    train = opened(train_split, names)
    if val_split is not None:
        validation = opened(val_split, train.names)
        if split_meaning(train_split or "") == "trainval" and split_meaning(val_split) == "val":
            train = _without(train, validation)
    else:
        chosen = set(held_out(train, seed=split_seed))
        validation = train.subset(sorted(chosen))
        train = train.subset(index for index in range(len(train)) if index not in chosen)
        validation = replace(validation, origin=f"{train.origin}, held out")
        train = replace(train, origin=f"{train.origin}, the rest")
    for samples, purpose in ((train, "train"), (validation, "measure")):
        if not len(samples):
            raise ValueError(f"{samples.origin}: no image to {purpose} on; choose --train-split and --val-split")
    return train, validation


def open_run(run: Mapping[str, Any], channels: int, names: Sequence[str] | None = None) -> tuple[SampleSet, SampleSet]:
    """The images of a training, as its configuration says; see `open_splits`.

    Args:
        run: Configuration.
        channels: Number of channels that its network takes, which a configuration need not tell.
        names: Class names, in order; None is the data set's own.

    Raises:
        KeyError: No configuration of a training.
        ValueError: As `open_splits`.
    """
    return open_splits(
        data_source(run),
        run["format"],
        run["train_split"],
        run["val_split"],
        names,
        split_seed=run.get("split_seed", 0),
        **reading_of_run(run, channels),
    )


class Reading(TypedDict):
    """How images are read: keywords of `open_splits` and `open_split`."""

    allow_outside: bool
    leave_out_faults: bool
    max_megapixels: float
    channels: int | None


def reading_of_run(run: Mapping[str, Any], channels: int) -> Reading:
    """How a training read its images, see `open_run`; configurations of older versions leave some of it out."""
    return Reading(
        allow_outside=run.get("allow_outside", False),
        leave_out_faults=run.get("leave_out_faults", False),
        max_megapixels=run.get("max_megapixels", MAX_MEGAPIXELS),
        channels=channels,
    )


def open_split(
    data: DataPlace,
    split: str | None,
    format: str | None,
    names: Sequence[str] | None = None,
    allow_outside: bool = False,
    leave_out_faults: bool = False,
    max_megapixels: float = MAX_MEGAPIXELS,
    channels: int | None = None,
) -> SampleSet:
    """A split, or all, of a data set; see `open_splits`."""
    if not leave_out_faults:
        return open_dataset(data, split, format, names, allow_outside=allow_outside)
    left_out = LeaveOut()
    samples = open_dataset(data, split, format, names, left_out, allow_outside=allow_outside)
    broken = dict(_broken_images(samples, max_megapixels, channels))
    for index, error in broken.items():
        left_out(Fault("image", str(samples.path(index)), str(error).removeprefix(f"{samples.path(index)}: ")))
    if broken:
        samples = samples.subset(index for index in range(len(samples)) if index not in broken)
    return replace(samples, remarks=(*samples.remarks, *left_out.lines()))


def check_images(samples: SampleSet, max_megapixels: float = MAX_MEGAPIXELS, channels: int | None = None) -> None:
    """Read every image once, so that a damaged one stops a run before it starts and not hours later.

    Of large data sets only the headers are read: that still finds what is missing or of another size.

    Args:
        samples: The images.
        max_megapixels: Largest image that is read, in 10⁶ pixels.
        channels: Number of channels that the network takes; None takes images of any.

    Raises:
        ValueError: the first image that cannot be read, is not of the size its annotation says, or has channels that
            the network does not take.
    """
    for _, error in _broken_images(samples, max_megapixels, channels):
        raise error


def what_is_shared(train: SampleSet, validation: SampleSet) -> str:
    """What to say of images that train and measure as well; empty if there are none."""
    shared = shared_images(validation, train)
    if not shared:
        return ""
    some = f"{shared:,} of the {len(validation):,}" if shared < len(validation) else f"all {shared:,}"
    return f"WARNING: {some} images to measure on are trained on too; AP will be better than on new images"


def _without(train: SampleSet, validation: SampleSet) -> SampleSet:
    """A set without the images of another."""
    known = {validation.path(index) for index in range(len(validation))}
    rest = train.subset(index for index in range(len(train)) if train.path(index) not in known)
    return replace(rest, origin=f"{train.origin}, without {len(train) - len(rest):,} images that are measured on")


def _broken_images(samples: SampleSet, max_megapixels: float, channels: int | None) -> Iterator[tuple[int, ValueError]]:
    """The images that cannot be read, or are not of the size their annotation says, and why."""

    def check(index: int) -> ValueError | None:
        path, expected = samples.path(index), (int(samples.sizes[index, 0]), int(samples.sizes[index, 1]))
        try:
            if len(samples) <= _READ_WHOLE:
                read_image(path, expected_size=expected, max_megapixels=max_megapixels, channels=channels)
                return None
            facts = facts_of(path)
            size = facts.size
            if size != expected:
                text = f"{path}: the image is {size}, its annotation says {expected} (height, width)"
                return DataError(text)
            if size[0] * size[1] > max_megapixels * 1e6:
                return located(path, ImageTooLarge(size[1], size[0], max_megapixels))
            if channels is not None:
                check_channels(facts.channels, channels, facts.has_alpha)
        except ImageError as error:
            return located(path, error)
        except ValueError as error:
            return error
        return None

    with ThreadPoolExecutor() as threads:
        checks = [threads.submit(check, index) for index in range(len(samples))]
        try:
            for index, finished in enumerate(progress(checks, len(checks), "checking images")):
                error = finished.result()
                if error is not None:
                    yield index, error
        finally:
            threads.shutdown(cancel_futures=True)
