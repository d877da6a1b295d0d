"""What the doctor counts and says of classes, splits and labels: the values are those of data sets that were met."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from yolo3.data import formats
from yolo3.data.doctor import Examination, Finding, examine, json_report, text_report
from yolo3.data.formats import open_dataset, write_dataset


def _image(path: Path, seed: int = 0, size: tuple[int, int] = (48, 64)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)).save(path)


def _of(examination: Examination, kind: str) -> list[Finding]:
    return [finding for finding in examination.findings if finding.kind == kind]


def _yolo(folder: Path, labels: Sequence[str | None], names: str = "[a, b, c]", split: str = "train") -> Path:
    """A YOLO data set with an image for each text of labels."""
    for number, text in enumerate(labels):
        _image(folder / f"images/{number:03}.png", number)
        if text is not None:
            (folder / f"images/{number:03}.txt").write_text(text)
    (folder / "data.yaml").write_text(f"{split}: images\nnames: {names}\n")
    return folder


def _coco(path: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]], *names: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def test_objects_that_were_refused_are_objects(tmp_path: Path) -> None:
    """31 of 31 boxes of a COCO file whose images lie elsewhere."""
    images = [{"id": number, "file_name": f"{number}.png", "width": 64, "height": 48} for number in range(31)]
    annotations = [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 5, 5]} for n in range(31)]
    _coco(tmp_path / "train.json", images, annotations, "X", "Y")
    _image(tmp_path / "other.png")
    counts = _of(examine(tmp_path, image_size=64), "class counts")
    assert [(finding.severity, finding.what) for finding in counts] == [
        ("warning", "none of the 31 objects of class 'X' can be used"),
        ("warning", "class 'Y' has no object"),
    ]
    assert "annotate some" not in counts[0].fix


def test_an_image_whose_boxes_are_faulty_is_not_without_objects(tmp_path: Path) -> None:
    """83 of 100 were called so; 9 were."""
    labels = ["0 .9 .5 .5 .1\n"] * 60 + ["0 .1 .1 .2 .1 .2\n"] * 10 + ["7 .5 .5 .1 .1\n"] * 4
    examination = examine(_yolo(tmp_path, [*labels, *["\n"] * 9, *["0 .5 .5 .5 .5\n"] * 17]), image_size=64)
    assert (examination.images, examination.empty_images, examination.emptied_images) == (100, 9, 74)
    assert "100 images (9 without objects, 74 whose objects are all faulty), 17 boxes" in text_report(examination)
    assert json.loads(json_report(examination))["emptied_images"] == 74


@pytest.mark.parametrize(("lowest", "fix"), [(0, "fix the labels or add"), (1, "are the labels 1-based?")])
def test_unknown_numbers_are_summed_up(tmp_path: Path, lowest: int, fix: str) -> None:
    """74 lines, and once "are the labels 1-based?" though class 0 occurs."""
    labels = [f"{number} .5 .5 .5 .5\n" for number in [lowest, *range(1, 6)] for _ in range(15)]
    examination = examine(_yolo(tmp_path, labels, split="val"), image_size=64)
    (finding,) = _of(examination, "unknown class")
    assert finding.what == (
        f"split 'val' uses classes {lowest}..5, 'names' has 3: 45 objects have a class that is not in 0..2"
    )
    assert finding.fix.startswith(fix)
    assert finding.severity == "error"
    assert str(finding.file).endswith("045.txt")
    assert finding.line == 1


def test_unknown_names_are_summed_up(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for name in ("Annotations", "JPEGImages", "ImageSets"):
        (tmp_path / "set" / name).symlink_to(shared / "data/bccd" / name)
    (tmp_path / "set/labels.txt").write_text("RBC\nWBC\n")
    found = _of(examine(tmp_path / "set"), "unknown class")
    assert [
        finding.what.partition("class 'Platelets' is not among the names (RBC, WBC): ")[2] for finding in found
    ] == [
        f"{count} objects in {where}"
        for where, count in (
            ("split 'test'", 69),
            ("split 'train'", 209),
            ("split 'trainval'", 292),
            ("split 'val'", 83),
            ("the data set", 361),
        )
    ]


def test_an_image_that_two_splits_annotate_otherwise_is_counted_as_each_has_it(tmp_path: Path) -> None:
    _image(tmp_path / "images/0.png")
    _image(tmp_path / "images/1.png", 1)
    for split, count in (("train", 3), ("val", 1)):
        images = [{"id": 0, "file_name": "0.png", "width": 64, "height": 48}]
        if split == "train":
            images.append({"id": 1, "file_name": "1.png", "width": 64, "height": 48})
        boxes = [{"id": n, "image_id": 0, "category_id": 1 + n % 2, "bbox": [n * 8, 1, 7, 9]} for n in range(count)]
        _coco(tmp_path / f"annotations/{split}.json", images, boxes, "a", "b")
    examination = examine(tmp_path, image_size=64)
    assert examination.split_counts == {"train": (2, 1), "val": (1, 0)}
    shared = _of(examination, "image in two splits")
    assert [finding.severity for finding in shared] == ["error"] * 2
    assert "its boxes in split 'val' differ from those in split 'train'" in [finding.what for finding in shared]


def test_label_files_that_are_missing(tmp_path: Path) -> None:
    """Of 20 images 10 without one: there was nothing found."""
    examination = examine(_yolo(tmp_path, [*["0 .5 .5 .5 .5\n"] * 8, "", "", *[None] * 10]), image_size=64)
    (finding,) = _of(examination, "label file")
    assert finding.severity == "warning"
    assert "10 found, 2 of them empty; 10 missing" in finding.what
    assert examination.empty_images == 12


def test_a_validation_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    folder = _yolo(tmp_path / "set", ["0 .5 .5 .5 .5\n"] * 3)
    (folder / "data.yaml").write_text("train: ../images\nval: ../valid/images\nnames: [a]\n")
    examination = examine(folder, image_size=64)
    assert examination.has_errors
    assert [finding.what.split(";")[0] for finding in _of(examination, "missing image")] == ["no image there"]
    assert examination.split_images == {"train": 3, "val": 0}


def test_a_black_image_with_boxes_is_doubtful(tmp_path: Path) -> None:
    folder = _yolo(tmp_path, ["0 .5 .5 .5 .5\n", "0 .5 .5 .5 .5\n", "\n"])
    for number in (0, 2):
        Image.new("RGB", (64, 48)).save(folder / f"images/00{number}.png")
    (finding,) = _of(examine(folder, image_size=64), "dark image")
    assert finding.severity == "warning"
    assert str(finding).endswith("000.png: the image is entirely black but has 1 box; replace or remove it")


def test_folders_that_lead_in_circles_end(tmp_path: Path) -> None:
    folder = _yolo(tmp_path, ["0 .5 .5 .5 .5\n"] * 3)
    os.mkfifo(folder / "images/pipe.png")
    os.mkfifo(folder / "images/000.TXT")
    os.mkfifo(folder / "images/pipe.txt")
    for name in ("a", "b", "c"):
        (folder / "images" / name).symlink_to(folder)
        (folder / name).symlink_to("images")
    (folder / "root").symlink_to("/")
    (folder / "data.yaml").write_text("train: images\nval: '**/*.png'\ntest: .\nnames: [a]\n")
    began = time.monotonic()
    examination = examine(folder, image_size=64)
    assert time.monotonic() - began < 20
    assert examination.split_images == {"train": 3, "val": 3, "test": 3}


def test_a_pipe_for_a_description(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.yaml")
    (finding,) = _of(examine(tmp_path, image_size=64), "annotation")
    assert finding.what == "cannot be read (not a file)"


@pytest.mark.slow
def test_a_tree_of_many_files_is_listed_quickly(tmp_path: Path) -> None:
    """100,000 files, images of which none can be read and their labels: what remains is looking for files."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for number in range(50_000):
        (tmp_path / f"images/{number}.png").touch()
        (tmp_path / f"labels/{number}.txt").touch()
    (tmp_path / "data.yaml").write_text("train: images\nnames: [a]\n")
    began = time.process_time()
    assert len(_of(examine(tmp_path, image_size=64), "damaged image")) == 50_000
    assert time.process_time() - began < 60


def test_the_writers_output_is_sound(tmp_path: Path, shared: Path) -> None:
    """Real sets in each format, those with identical splits too, are read as they were."""
    for name in ("airplanes_yolo", "fruits_coco"):
        splits = {
            split: open_dataset(shared / "data" / name, split)
            for split in formats.dataset_splits(shared / "data" / name)
        }
        for format in ("voc", "coco", "yolo"):
            folder = tmp_path / f"{name}-{format}"
            write_dataset(splits, folder, format)
            for split, samples in splits.items():
                again = open_dataset(folder, split)
                assert again.counts.tolist() == samples.counts.tolist()
                assert np.abs(again.boxes - samples.boxes).max() < 0.01
