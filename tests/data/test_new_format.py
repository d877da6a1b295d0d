"""A format that the library does not know, added as one value: everything that takes data takes it."""

import json
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from yolo3.choices import Placement
from yolo3.cli import main
from yolo3.data import DataFormat, dataset_format, dataset_splits, formats, open_dataset, write_shapes
from yolo3.data.box_orders import BoxOrder
from yolo3.data.doctor import examine
from yolo3.data.faults import Fault, OnFault
from yolo3.data.images import image_size
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject, SampleSetBuilder
from yolo3.data.split_names import find_split
from yolo3.data.work import Work
from yolo3.data.writing import Album

FAST = ["--model", "yolov3_compact", "--width", "0.125", "--image-size", "64", "--batch-size", "4"]
FAST += ["--num-workers", "0", "--precision", "fp32", "--epochs", "1"]


def _read(
    folder: Path,
    split: str | None,
    names: Sequence[str] | None,
    on_fault: OnFault,
    on_object: OnObject,
    allow_outside: bool,
    work: Work,
) -> SampleSet:
    """``train.toy`` has a line of class names, then lines of ``image class left top width height``."""
    chosen = _splits(folder) if split is None else (find_split(_splits(folder), split, str(folder)),)
    texts = {name: (folder / f"{name}.toy").read_text().splitlines() for name in chosen}
    builder = SampleSetBuilder(names or next(iter(texts.values()))[0].split(), on_fault, on_object)
    for name, (_, *lines) in texts.items():
        last = None
        for number, line in enumerate(lines, start=2):
            place = f"{folder / name}.toy:{number}"
            image, *rest = line.split()
            if image != last:
                builder.add_image(folder / image, image_size(folder / image))
                last = image
            if not rest:
                continue
            if len(rest) != 5:
                on_fault(Fault("syntax", place, "not class left top width height"))
                continue
            label, (left, top, width, height) = rest[0], map(float, rest[1:])
            builder.add_object(place, label, (left, top, left + width, top + height))
    return builder.build(f"toy data set {folder}")


def _splits(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.toy")))


def _write(folder: Path, album: Album, images: Placement) -> list[str]:
    album.place(folder / "img", images)
    for split, file_names in album.splits.items():
        lines = [" ".join(album.names)]
        for name in file_names:
            sample = album.images[name]
            objects = zip(sample.labels.tolist(), sample.boxes.astype(float).tolist(), strict=True)
            written = [
                f"img/{name} {album.names[label]} {x1:.4f} {y1:.4f} {x2 - x1:.4f} {y2 - y1:.4f}"
                for label, (x1, y1, x2, y2) in objects
            ]
            lines += written or [f"img/{name}"]
        (folder / f"{split}.toy").write_text("\n".join(lines) + "\n")
    return ["toy files keep no marks"]


def _is_toy(path: Path) -> bool:
    return path.is_dir() and bool(_splits(path))


TOY = DataFormat("toy", _read, _splits, _write, _is_toy, expected="*.toy", box_order="xywh", states_size=False)


_NAMES = ("data_formats", "options", "train_options", "check", "show", "train", "convert_data")
_COMMANDS = [f"yolo3.cli.{name}" for name in _NAMES]
"""Modules that take the names of the formats when they are imported."""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data set of 8 + 4 drawn images in a format that has just been added."""
    before = {name: import_module(name) for name in _COMMANDS}  # with the names as they were
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, TOY))
    for name, module in before.items():
        package, _, own_name = name.rpartition(".")
        # afterwards the package has the module again that is in sys.modules
        monkeypatch.setattr(import_module(package), own_name, module)
        monkeypatch.delitem(sys.modules, name)
    write_shapes(tmp_path / "shapes", num_train=8, num_test=4, image_size=(64, 64))
    assert main(["convert-data", str(tmp_path / "shapes"), str(tmp_path / "toys"), "--to", "toy"]) == 0
    yield tmp_path / "toys"
    for name in _COMMANDS:
        sys.modules.pop(name, None)


def test_it_is_recognised_and_read(toy: Path, tmp_path: Path) -> None:
    assert dataset_format(toy) == "toy"
    assert dataset_splits(toy) == ("test", "train")
    again, original = open_dataset(toy, "train"), open_dataset(tmp_path / "shapes", "train")
    assert again.names == original.names
    assert again.labels.tolist() == original.labels.tolist()
    assert abs(again.boxes - original.boxes).max() < 1e-3
    choices = "choose voc, coco, yolo, labelme, csv, parquet, toy"
    with pytest.raises(ValueError, match=f"unknown format 'tfrecord'; {choices}"):
        open_dataset(toy, format="tfrecord")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"with images and objects \(parquet\), \*\.toy \(toy\)"):
        open_dataset(tmp_path / "empty")


def test_the_doctor_examines_it(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["check", str(toy), "--format", "toy", "--image-size", "64"]) == 0
    assert "(toy): 12 " in capsys.readouterr().out


def test_the_doctor_knows_the_order_of_its_boxes(toy: Path) -> None:
    samples = open_dataset(toy, "train")
    (toy / "test.toy").unlink()
    corners = [" ".join(samples.names)]  # boxes as two corners, where width and height belong
    for sample in samples:
        for label, box in zip(sample.labels.tolist(), sample.boxes.tolist(), strict=True):
            corners.append(" ".join([f"img/{sample.image.name}", samples.names[label], *map(str, box)]))
    (toy / "train.toy").write_text("\n".join(corners))
    (finding,) = [each for each in examine(toy, image_size=64).findings if each.kind == "box order"]
    assert "do not fit" in finding.what
    assert "as (left, top, right, bottom) all would" in finding.what
    assert "write every box as (left, top, width, height), the order of TOY" in str(finding)


def test_it_is_shown(toy: Path, tmp_path: Path) -> None:
    output = tmp_path / "sheet.png"
    assert main(["show", str(toy), "--count", "2", "--image-size", "64", "--output", str(output)]) == 0
    with Image.open(output) as sheet:
        assert sheet.width > 4 * 64


def test_it_is_trained_on(toy: Path, tmp_path: Path) -> None:
    assert main(["train", str(toy), "--format", "toy", "--output", str(tmp_path / "run"), *FAST]) == 0
    assert "AP" in json.loads((tmp_path / "run/metrics.json").read_text())


def test_it_is_converted_back_and_forth(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert-data", str(toy), str(tmp_path / "coco"), "--to", "coco"]) == 0
    again, original = open_dataset(tmp_path / "coco", "train"), open_dataset(tmp_path / "shapes", "train")
    assert abs(again.boxes - original.boxes).max() < 1e-3
    assert main(["convert-data", str(tmp_path / "coco"), str(tmp_path / "more"), "--to", "toy"]) == 0
    assert "lost: toy files keep no marks" in capsys.readouterr().out


def test_the_command_line_lists_it(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(toy), "--format", "tfrecord"]) == 2
    assert "--format: 'tfrecord' is not one of voc, coco, yolo, labelme, csv, parquet, toy" in capsys.readouterr().err


@pytest.mark.parametrize("order", ["yxyx", ""])
def test_an_order_that_nobody_can_read_is_refused(order: BoxOrder) -> None:
    with pytest.raises(ValueError, match=f"box_order is '{order}'; choose xyxy, xywh, cxcywh"):
        DataFormat("odd", _read, _splits, _write, _is_toy, expected="*.odd", box_order=order)
