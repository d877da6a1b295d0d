"""A format of one's own whose files, one for many images, are found by what they hold."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.choices import Placement
from yolo3.data import DataError, DataFormat, dataset_format, dataset_splits, formats, open_dataset
from yolo3.data.data_format import no_own_folders
from yolo3.data.faults import OnFault
from yolo3.data.layout.annotations import AnnotationFiles, StatedImage, StatedObject
from yolo3.data.layout.contents import Contents
from yolo3.data.layout.found import FoundLayout, find_layout
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject
from yolo3.data.writing import Album


def _read_file(path: Path, on_fault: OnFault) -> list[StatedImage]:
    return [
        StatedImage(path, f"{path}: {name}", name, None, None, [StatedObject(str(path), "cell", tuple(box))], path.stem)
        for name, box in json.loads(path.read_text())
    ]


_FILES = AnnotationFiles((".json",), lambda path: path.read_bytes().startswith(b"[["), _read_file)


def _find(contents: Contents, is_chosen: bool = True) -> FoundLayout | None:
    return find_layout(contents, _FILES, "pairs", "Pairs")


def _read(
    path: Path,
    split: str | None,
    names: Sequence[str] | None,
    on_fault: OnFault,
    on_object: OnObject,
    allow_outside: bool,
    *more: object,
) -> SampleSet:
    found = _find(Contents.of(path, allow_outside=allow_outside))
    assert found is not None
    return found.read(split, names, on_fault, on_object)


def _write(folder: Path, album: Album, images: Placement) -> list[str]:
    raise NotImplementedError


PAIRS = DataFormat(
    name="pairs",
    read=_read,
    splits=lambda path: (),
    write=_write,
    recognise=no_own_folders,
    expected="*.json of pairs",
    box_order="xyxy",
    states_size=False,
    find=_find,
    holds=lambda path: path.suffix == ".json" and _FILES.fits(path),
)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    for split, numbers in (("train", range(3)), ("val", range(3, 5))):
        for number in numbers:
            Image.fromarray(np.full((40, 60, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
        (tmp_path / f"{split}.json").write_text(json.dumps([[f"{number}.png", [1, 2, 30, 20]] for number in numbers]))
    return tmp_path


def test_a_format_of_ones_own_is_passed_in(pairs: Path) -> None:
    samples = open_dataset(pairs, "train", format=PAIRS)
    assert [sample.image.name for sample in samples] == ["0.png", "1.png", "2.png"]
    assert dataset_splits(pairs, PAIRS) == ("train", "val")


def test_a_file_belongs_to_the_format_that_holds_it(pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """COCO takes any other JSON file, to say what is wrong with it."""
    assert dataset_format(pairs / "val.json") == "coco"
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, PAIRS))
    assert dataset_format(pairs / "val.json") == "pairs"
    assert len(open_dataset(pairs / "val.json")) == 2
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS[:-1], replace(PAIRS, holds=lambda path: False)))
    with pytest.raises(DataError, match="a COCO file holds three lists of objects"):
        open_dataset(pairs / "val.json")
