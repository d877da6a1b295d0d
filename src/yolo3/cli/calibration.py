"""The images of ``yolo3 export --precision int8``: those to calibrate on, and those to measure on."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from yolo3.cli.evaluation_data import open_measured, run_of
from yolo3.cli.split_choice import choose_splits, measuring_split
from yolo3.data import SampleSet, dataset_format, dataset_splits, open_dataset
from yolo3.data.faults import LeaveOut
from yolo3.data.held_out import held_out
from yolo3.predictor import CALIBRATION_IMAGES
from yolo3.sources import find_frames

_FEW = 30


@dataclass(frozen=True)
class Calibration:
    """Images that were chosen."""

    paths: Sequence[Path]
    """Files to calibrate on."""
    num_available: int
    """Number of files that they were drawn from."""
    samples: SampleSet
    """Images to measure on."""

    def remarks(self) -> list[str]:
        """Sentences on what makes the measurement worth less."""
        remarks = []
        measured = _places(self.samples)
        if shared := sum(path.resolve() in measured for path in self.paths):
            remarks.append(
                f"WARNING: {shared:,} of the {len(self.paths):,} images to calibrate on are measured on too; the drop "
                "will look smaller than on new images"
            )
        if len(self.paths) < _FEW:
            remarks.append(
                f"WARNING: only {len(self.paths):,} to calibrate on; the range of activations needs a few hundred"
            )
        return remarks


def choose_images(
    model: Path,
    names: tuple[str, ...],
    channels: int,
    calibrate: Path,
    measure: Path | None = None,
    num_images: int = CALIBRATION_IMAGES,
    seed: int = 0,
    format: str | None = None,
    allow_outside: bool = False,
) -> Calibration:
    """Draw images to calibrate on, and find those to measure on.

    Of a data set the training split calibrates, or everything where there is none. Measured is on the data set named
    for that, or on what the model's training held out, or on what the data set of the calibration has to measure on:
    a split, else a tenth of its images. Images that are measured on do not calibrate, unless there are no others.

    Args:
        model: Model, whose training may tell what it held out.
        names: Class names of the model.
        channels: Number of channels that it takes.
        calibrate: Data set, or images without annotations: a file, a folder or a glob.
        measure: Data set to measure on; None finds one.
        num_images: Number of images to calibrate on; fewer if there are no more.
        seed: Seed of the draw.
        format: Format of the annotations; None recognises it.
        allow_outside: Take images that are not in the data set's folder too.

    Raises:
        ValueError: A number of images below 1; a data set that cannot be read; nothing to calibrate or to measure on.
    """
    if num_images < 1:
        raise ValueError(f"images is {num_images}; int8 is calibrated on at least 1, better on {CALIBRATION_IMAGES}")
    format_of_calibrate = format or _format(calibrate)
    if format_of_calibrate is None:
        paths = _image_files(calibrate)
    else:
        paths = _training_files(calibrate, format_of_calibrate, allow_outside)
    if measure is not None or run_of(model) is not None:
        samples = open_measured(model, measure, None, format if measure else None, names, channels, allow_outside)[0]
    elif format_of_calibrate is None:
        raise ValueError(
            f"{calibrate} has no annotations, and {model} no training that held images out: name a data set to measure "
            "on with --measure"
        )
    else:
        samples = _own_measured(calibrate, format_of_calibrate, names, allow_outside)
    if not len(samples):
        raise ValueError(f"{samples.origin}: no image to measure on; name another data set with --measure")
    measured = _places(samples)
    pool = [path for path in paths if path.resolve() not in measured] or paths
    drawn = sorted(random.Random(seed).sample(range(len(pool)), min(num_images, len(pool))))
    return Calibration([pool[index] for index in drawn], len(pool), samples)


def _format(place: Path) -> str | None:
    """The format of a data set; None for images without annotations."""
    try:
        return dataset_format(place)
    except ValueError:
        return None


def _own_measured(data: Path, format: str, names: tuple[str, ...], allow_outside: bool) -> SampleSet:
    """What a data set has to measure on: a split, or about a tenth of its images."""
    split = measuring_split(dataset_splits(data, format))
    samples = open_dataset(data, split, format, names or None, allow_outside=allow_outside)
    if split is not None:
        return samples
    return replace(samples.subset(held_out(samples)), origin=f"{samples.origin}, held out")


def _training_files(data: Path, format: str, allow_outside: bool) -> list[Path]:
    """The images of a data set that train, or all where none are for that; what is wrong with annotations is no matter.

    Raises:
        ValueError: A data set without images.
    """
    available = dataset_splits(data, format)
    try:
        split = choose_splits(available)[0]
    except ValueError:  # none that trains, or several
        split = None
    samples = open_dataset(data, split, format, None, LeaveOut(), allow_outside=allow_outside)
    if not len(samples):
        raise ValueError(f"{samples.origin}: no image to calibrate on")
    return [samples.path(index) for index in range(len(samples))]


def _image_files(source: Path) -> list[Path]:
    """The image files of a folder or glob, or a single one.

    Raises:
        ValueError: No image at all; a video.
    """
    frames = find_frames(source)
    paths = []
    for frame in frames:
        if frame.video is not None:
            raise ValueError(f"{source} holds the video {frame.video.path}; int8 is calibrated on image files")
        paths.append(Path(frame.name))
    return paths


def _places(samples: SampleSet) -> set[Path]:
    return {samples.path(index).resolve() for index in range(len(samples))}
