"""The annotated images that ``yolo3 evaluate`` measures on, and whether the model was trained on them."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import yaml

from yolo3.checkpoint import ModelCard
from yolo3.choices import OnError
from yolo3.cli.data_source import data_source
from yolo3.cli.model import model_suffix, shown
from yolo3.cli.progress import progress
from yolo3.cli.split_choice import choose_splits, measuring_split
from yolo3.cli.splits import open_run, open_split, reading_of_run
from yolo3.data import SampleSet, dataset_format, dataset_splits, open_dataset
from yolo3.data.coco_layout import annotation_file
from yolo3.data.formats import find_format
from yolo3.data.source import DataPlace
from yolo3.evaluation import shared_images
from yolo3.hub import is_hub_address
from yolo3.metrics import Annotated, read_annotations
from yolo3.predictor import Predictor
from yolo3.sources import ErrorPlace, Unreadable, find_frames
from yolo3.structures import Detections
from yolo3.system.extras import not_installed

_RUN = "config.yaml"


def check_is_model(model: Path) -> None:
    """Raise the ValueError of a data set given in place of a detector."""
    if is_hub_address(model) or model_suffix(model) == ".cfg" or (model / "model.json").exists():
        return
    try:
        dataset_format(model)
    except ValueError:
        return  # neither: what opens models has its own complaint
    raise ValueError(
        f"{model} is a data set and no detector; say yolo3 evaluate MODEL {model}, or to measure a file of detections "
        f"yolo3 evaluate {model} --detections FILE"
    )


def check_extras() -> None:
    """Raise the ModuleNotFoundError of something that would only be missed when all images are done."""
    check_coco()
    if find_spec("matplotlib") is None:
        raise not_installed("measuring needs", "matplotlib", "train")


def check_coco(extra: str = "train") -> None:
    """Raise the ModuleNotFoundError of what measures average precision."""
    if find_spec("faster_coco_eval") is None:
        raise not_installed("measuring needs", "faster_coco_eval", extra)


def open_annotated(data: DataPlace, split: str | None, format: str | None, allow_outside: bool = False) -> Annotated:
    """The annotations of a data set; of a COCO file, as it stands there.

    Args:
        data: Data set.
        split: Split; None chooses the one to measure on, see `measuring_split`.
        format: Format of the annotations; None recognises it.
        allow_outside: Take images that are not in the data set's folder too.

    Raises:
        ValueError: a data set that cannot be read.
    """
    format = format or dataset_format(data)
    split = measuring_split(dataset_splits(data, format), split)
    file = find_format(format).coco_file(Path(data), split)
    if file is not None:
        return read_annotations(file)
    return Annotated.of(open_dataset(data, split, format, allow_outside=allow_outside))


def open_measured(
    model: Path,
    data: DataPlace | None,
    split: str | None,
    format: str | None,
    names: tuple[str, ...],
    channels: int,
    allow_outside: bool = False,
) -> tuple[SampleSet, Annotated]:
    """The images to measure a detector on, and their annotations as they stand in a COCO file.

    Args:
        model: Model, whose training says what it held out where ``data`` is None.
        data: Data set.
        split: Split; None chooses the one to measure on.
        format: Format of the annotations; None recognises it.
        names: Class names of the detector; empty takes the data set's.
        channels: Number of channels that the detector takes.
        allow_outside: Take images that are not in the data set's folder too.

    Raises:
        ValueError: a data set that cannot be read; none at all.
    """
    reading = reading_of_run({"allow_outside": allow_outside}, channels)
    if data is None:
        run = run_of(model)
        if run is None:
            said = shown(model)
            raise ValueError(
                f"{said} does not say what it was trained on; give the data set: yolo3 evaluate {said} DATA"
            )
        data, format = data_source(run), run["format"]
        reading = reading_of_run(run | {"allow_outside": allow_outside or run.get("allow_outside", False)}, channels)
        if split is None:
            splits = choose_splits(dataset_splits(data, format), run["train_split"], run["val_split"])
            samples = open_run(run, channels, names or None)[1]
            return samples, _annotations(samples, data, splits[1] or splits[0], reading["leave_out_faults"])
    split = measuring_split(dataset_splits(data, format), split)
    samples = open_split(data, split, format, names or None, **reading)
    return samples, _annotations(samples, data, split, reading["leave_out_faults"])


def trained_on(model: Path, card: ModelCard, samples: SampleSet) -> str:
    """What can be said about whether a detector was trained on these images; empty if it was not trained here."""
    if not card.training:
        return ""
    if card.training == samples.digest():
        return "all of these images: the numbers tell little about others"
    sets = _sets_of_training(model, card)
    if sets is None:
        return "another list of images; whether it has some of these, the training's data is not there to tell"
    shared, chose = (shared_images(samples, each) for each in sets)
    if shared:
        return f"{shared:,} of these {len(samples):,} images: the numbers are better than they would be on others"
    told = f"none of these {len(samples):,} images, by the bytes of their files"
    if chose and (card.selection is None or card.selection.keep == "best"):
        some = "they" if chose == len(samples) else f"{chose:,} of them"
        told += f"; but {some} chose which epoch to keep, which flatters the numbers a little"
    return told


def find(
    predictor: Predictor,
    samples: SampleSet,
    max_megapixels: float,
    on_error: OnError = "stop",
    errors: ErrorPlace | None = None,
) -> list[Detections]:
    """What a predictor finds in each sample, with a bar that shows how far it is.

    Args:
        predictor: Predictor to measure.
        samples: Samples to look at.
        max_megapixels: Largest image that is read, in 10⁶ pixels.
        on_error: Treatment of an image that cannot be read: ``skip`` finds nothing in it.
        errors: Place for the images that are skipped.
    """
    paths = (samples.path(index) for index in range(len(samples)))
    channels = predictor.in_channels
    frames = find_frames(paths, max_megapixels=max_megapixels, channels=channels, on_error=on_error, stems="plain")
    nothing = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    found = []
    for _, each in progress(predictor.outcomes(frames), len(samples), "evaluating"):
        if not isinstance(each, Unreadable):
            found.append(each)
            continue
        if on_error == "stop":
            raise each.error
        if errors is not None:
            errors.append(each)
        found.append(nothing)
    return found


def run_of(model: Path) -> dict[str, Any] | None:
    """The configuration of the training that left a checkpoint, in the folder of its run or in ``last`` there."""
    folder = model.resolve()
    if folder.name == "last" and not (folder / _RUN).is_file():
        folder = folder.parent
    path = folder / _RUN
    run = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    needed = ("data", "format", "train_split", "val_split")
    return run if isinstance(run, dict) and all(key in run for key in needed) else None


def _annotations(samples: SampleSet, data: DataPlace, split: str | None, leave_out_faults: bool) -> Annotated:
    # a COCO file as it stands has the faulty annotations too
    file = annotation_file(Path(data), split) if samples.image_ids is not None and not leave_out_faults else None
    if file is None:
        return Annotated.of(samples)
    assert samples.image_ids is not None
    annotated = read_annotations(file, samples.names).only(samples.image_ids.tolist())
    paths = {int(image_id): str(samples.path(index)) for index, image_id in enumerate(samples.image_ids)}
    return replace(annotated, images=tuple(paths[image_id] for image_id in annotated.image_ids))


def _sets_of_training(model: Path, card: ModelCard) -> tuple[SampleSet, SampleSet] | None:
    """What a detector was trained on and what its epoch was chosen by, if they are there and the same."""
    run = run_of(model)
    if run is None:
        return None
    try:
        training, validation = open_run(run, card.in_channels, card.names or None)
    except (ValueError, OSError):
        return None
    return (training, validation) if training.digest() == card.training else None
