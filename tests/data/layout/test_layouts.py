"""Every layout of `conftest` is recognised with every box, and the commands take it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from yolo3.cli import main
from yolo3.data import dataset_format, dataset_splits, open_dataset
from yolo3.data.doctor import examine
from yolo3.data.formats import FORMATS
from yolo3.data.sample import SampleSet
from yolo3.data.split_names import split_meaning

LaidOut = tuple[str, Path, dict[str, dict[str, list[tuple[str, float, float, float, float]]]], dict[str, str]]

FAST = ["--model", "yolov3_compact", "--width", "0.125", "--image-size", "64", "--batch-size", "4"]
FAST += ["--num-workers", "0", "--precision", "fp32", "--epochs", "1", "--mosaic", "0"]


def _boxes(samples: SampleSet) -> dict[str, list[tuple[object, ...]]]:
    """Class and rounded box of the objects of each image that has some."""
    found = {}
    for sample in samples:
        items = zip(sample.labels.tolist(), sample.boxes.tolist(), strict=True)
        objects = sorted((samples.names[label], *map(round, box)) for label, box in items)
        if objects:
            found[sample.image.stem.split(" ")[-1]] = objects
    return found


def _expected(images: dict[str, list[tuple[str, float, float, float, float]]]) -> dict[str, list[tuple[object, ...]]]:
    return {stem: sorted(boxes) for stem, boxes in images.items() if boxes}


def _options(options: dict[str, str]) -> list[str]:
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def test_it_is_recognised_with_every_box(laid_out: LaidOut) -> None:
    name, folder, content, options = laid_out
    if not options:
        assert dataset_format(folder) == name.split("_")[0]
    splits = dataset_splits(folder, options.get("format"))
    assert sorted(str(split_meaning(split)) for split in splits) == ["train", "val"]
    for split in ("train", "val"):
        samples = open_dataset(folder, split, **options)
        assert _boxes(samples) == _expected(content[split])
        assert sorted(samples.names) == sorted({"cat", "hot dog", "køter"})
        # of a COCO file or a list of rows an image without boxes is a sample too
        assert len(samples) == len(content[split])
    whole = open_dataset(folder, **options)
    assert _boxes(whole) == _expected(content["train"]) | _expected(content["val"])
    if name not in ("yolo_poses", "coco_polygons_without_boxes", "coco_masks_without_boxes", "yolo_described_below"):
        assert "found by content: " in whole.summary()


def test_the_doctor_counts_it(laid_out: LaidOut) -> None:
    _, folder, content, options = laid_out
    examination = examine(folder, options.get("format"), image_size=64)
    images = [boxes for split in content.values() for boxes in split.values()]
    assert examination.images == len(images)
    assert sum(examination.counts) == sum(map(len, images))
    counted = {name: sum(one[0] == name for boxes in images for one in boxes) for name in examination.names}
    assert dict(zip(examination.names, examination.counts, strict=True)) == counted
    assert not examination.has_errors, examination.findings


def test_it_is_checked_and_shown(laid_out: LaidOut, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, folder, _, options = laid_out
    assert main(["check", str(folder), "--image-size", "64", *_options(options)]) == 0
    assert "8 images" in capsys.readouterr().out
    words = ["--image-size", "64", "--count", "2", "--output", str(tmp_path / "sheet.png"), *_options(options)]
    assert main(["show", str(folder), *words]) == 0
    assert (tmp_path / "sheet.png").stat().st_size > 1000


@pytest.mark.parametrize("to", [format.name for format in FORMATS])
def test_it_is_converted_to_every_format(laid_out: LaidOut, tmp_path: Path, to: str) -> None:
    _, folder, content, options = laid_out
    assert main(["convert-data", str(folder), str(tmp_path / "new"), "--to", to, *_options(options)]) == 0
    assert dataset_format(tmp_path / "new") == to
    for split in ("train", "val"):
        samples = open_dataset(tmp_path / "new", split)
        assert _boxes(samples) == _expected(content[split])
        assert len(samples) == len(content[split])


@pytest.mark.slow
def test_it_is_trained_on(laid_out: LaidOut, tmp_path: Path) -> None:
    _, folder, _, options = laid_out
    assert main(["train", str(folder), "--output", str(tmp_path / "run"), *FAST, *_options(options)]) == 0
    assert np.isfinite(json.loads((tmp_path / "run/metrics.json").read_text())["AP"])


@pytest.mark.slow
def test_images_and_labels_in_two_folders_are_trained_on_and_measured(
    laid_out_as: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a training had is found again by `yolo3 evaluate RUN`, through its configuration."""
    folder = laid_out_as("yolo_trees_below") / "my data"
    (folder / "classes.txt").rename(tmp_path / "names.txt")
    pair = ["--images", str(folder / "images"), "--labels", str(folder / "labels")]
    words = [*pair, "--names", str(tmp_path / "names.txt"), "--output", str(tmp_path / "run")]
    assert main(["train", *words, *FAST]) == 0
    assert "paired: 8 by parallel folders" in capsys.readouterr().out
    assert main(["evaluate", str(tmp_path / "run"), "--precision", "fp32"]) == 0
    out = capsys.readouterr().out
    assert "split 'val': 3 images" in out
    assert "hot dog" in out
    assert main(["evaluate", str(tmp_path / "run"), *pair, "--split", "train", "--precision", "fp32"]) == 0
    assert "it was trained on all of these images" in capsys.readouterr().out
