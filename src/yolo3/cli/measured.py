"""What ``yolo3 evaluate`` measures on: annotated pictures, and what is known of a training on them."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from yolo3.checkpoint import ModelCard
from yolo3.cli.splits import choose_splits, open_splits
from yolo3.data import Format, SampleSet, dataset_format, dataset_splits, open_dataset
from yolo3.data.coco_layout import annotation_file
from yolo3.evaluation import shared_pictures
from yolo3.extras import not_installed
from yolo3.metrics import Annotated, read_annotations


def check_is_model(model: Path) -> None:
    """Raise the ValueError of a data set given in place of a detector."""
    if model.suffix.lower() == ".cfg" or (model / "model.json").exists():
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
    """Raise the ModuleNotFoundError of something that would only be missed when all pictures are done."""
    for module in ("faster_coco_eval", "matplotlib"):
        if find_spec(module) is None:
            raise not_installed("measuring needs", module, "train")


def open_annotated(data: Path, split: str | None, format: Format | None) -> Annotated:
    """The annotations of a data set; of a COCO file, as it stands there.

    Args:
        data: a data set.
        split: None chooses the one to measure on, see `choose_splits`.
        format: of the annotations; None recognises it.

    Raises:
        ValueError: a data set that cannot be read.
    """
    format = format or dataset_format(data)
    split = split or choose_splits(dataset_splits(data, format))[1]
    file = annotation_file(data, split) if format == "coco" else None
    return Annotated.of(open_dataset(data, split, format)) if file is None else read_annotations(file)


def open_measured(
    model: Path, data: Path | None, split: str | None, format: Format | None, names: tuple[str, ...]
) -> tuple[SampleSet, Annotated]:
    """The pictures to measure a detector on, and their annotations as they stand in a COCO file.

    Args:
        model: whose training says what it held out, where ``data`` is None.
        data: a data set.
        split: None chooses the one to measure on.
        format: of the annotations; None recognises it.
        names: of the detector's classes; empty takes the data set's.

    Raises:
        ValueError: a data set that cannot be read; none at all.
    """
    if data is None:
        run = _run(model)
        if run is None:
            raise ValueError(
                f"{model} does not say what it was trained on; give the data set: yolo3 evaluate {model} DATA"
            )
        data, format = Path(run["data"]), run["format"]
        splits = run["train_split"], run["val_split"]
        if split is None:
            train_split, val_split = choose_splits(dataset_splits(data, format), *splits)
            samples = open_splits(data, format, *splits, names or None)[1]
            return samples, _annotations(samples, data, val_split or train_split)
    split = split or choose_splits(dataset_splits(data, format))[1]
    samples = open_dataset(data, split, format, names or None)
    return samples, _annotations(samples, data, split)


def trained_on(model: Path, card: ModelCard, samples: SampleSet) -> str:
    """What can be said about whether a detector was trained on these pictures; empty if it was not trained here."""
    if not card.training:
        return ""
    if card.training == samples.digest():
        return "all of these pictures: the numbers tell little about others"
    training = _training_set(model, card)
    if training is None:
        return "another list of pictures; whether it has some of these, the training's data is not there to tell"
    shared = shared_pictures(samples, training)
    if shared:
        return f"{shared:,} of these {len(samples):,} pictures: the numbers are better than they would be on others"
    return f"none of these {len(samples):,} pictures, by the bytes of their files"


def _run(model: Path) -> dict[str, Any] | None:
    """The configuration of the training that left a checkpoint."""
    path = model / "config.yaml"
    run = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    needed = ("data", "format", "train_split", "val_split")
    return run if isinstance(run, dict) and all(key in run for key in needed) else None


def _annotations(samples: SampleSet, data: Path, split: str | None) -> Annotated:
    file = annotation_file(data, split) if samples.image_ids is not None else None
    if file is None:
        return Annotated.of(samples)
    assert samples.image_ids is not None
    annotated = read_annotations(file, samples.names).only(samples.image_ids.tolist())
    paths = {int(image_id): str(samples.path(index)) for index, image_id in enumerate(samples.image_ids)}
    return replace(annotated, pictures=tuple(paths[image_id] for image_id in annotated.image_ids))


def _training_set(model: Path, card: ModelCard) -> SampleSet | None:
    """What a detector was trained on, if it is where it was then, and the same."""
    run = _run(model)
    if run is None:
        return None
    try:
        training = open_splits(
            Path(run["data"]), run["format"], run["train_split"], run["val_split"], card.names or None
        )[0]
    except (ValueError, OSError):
        return None
    return training if training.digest() == card.training else None
