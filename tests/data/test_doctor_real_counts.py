"""The doctor's counts of real data sets, against counts that use none of the library's readers."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from yolo3.data.doctor import examine
from yolo3.data.formats import FORMATS, dataset_format, open_dataset, write_dataset

_BOX = re.compile(
    r"<name>(\w+)</name>.*?<xmin>(\d+)</xmin>.*?<ymin>(\d+)</ymin>.*?<xmax>(\d+)</xmax>.*?<ymax>(\d+)<", re.S
)


def _bccd(folder: Path) -> tuple[int, Counter[str]]:
    """Objects between their tags; two boxes without area do not count."""
    counts: Counter[str] = Counter()
    files = sorted(folder.glob("Annotations/*.xml"))
    for file in files:
        for item in file.read_text().split("<object>")[1:]:
            found = _BOX.search(item)
            assert found is not None
            name, x1, y1, x2, y2 = found.groups()
            counts[name] += int(x1) < int(x2) and int(y1) < int(y2)
    return len(files), counts


def _airplanes(folder: Path) -> tuple[int, Counter[str]]:
    names = (folder / "obj.names").read_text().split()
    files = sorted(folder.glob("img/*.txt"))
    labels = [line.split()[0] for file in files for line in file.read_text().splitlines() if line.strip()]
    return len(files), Counter(names[int(label)] for label in labels)


def _fruits(folder: Path) -> tuple[int, Counter[str]]:
    (file,) = folder.rglob("*.json")
    content = json.loads(file.read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    return len(content["images"]), Counter(names[item["category_id"]] for item in content["annotations"])


_PARTS = {"bccd": ("trainval", "test"), "airplanes_yolo": ("train",), "fruits_coco": ("trainval",)}
"""Splits that together have every image once."""

_SETS = {"bccd": _bccd, "airplanes_yolo": _airplanes, "fruits_coco": _fruits}


@pytest.mark.parametrize("name", _SETS)
def test_counts_of_real_data_sets(shared: Path, name: str) -> None:
    folder = shared / "data" / name
    num_images, counts = _SETS[name](folder)
    examination = examine(folder)
    assert examination.images == num_images
    assert dict(zip(examination.names, examination.counts, strict=True)) == counts


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("bccd", {"Annotations": "annots", "JPEGImages": "some photos"}),
        ("airplanes_yolo", {"img": "planes/img", "obj.names": "planes.names"}),
    ],
)
def test_counts_of_the_same_files_in_other_folders(
    shared: Path, tmp_path: Path, name: str, parts: dict[str, str]
) -> None:
    for old, new in parts.items():
        (tmp_path / "set" / new).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / new).symlink_to(shared / "data" / name / old)
    num_images, counts = _SETS[name](shared / "data" / name)
    examination = examine(tmp_path / "set")
    assert examination.images == num_images
    assert dict(zip(examination.names, examination.counts, strict=True)) == counts
    assert examination.notes[0].startswith("found by content: ")


@pytest.mark.parametrize("to", [format.name for format in FORMATS])
@pytest.mark.parametrize("name", _SETS)
def test_counts_of_real_data_sets_in_every_format(shared: Path, tmp_path: Path, name: str, to: str) -> None:
    folder = shared / "data" / name
    num_images, counts = _SETS[name](folder)
    splits = {split: open_dataset(folder, split) for split in _PARTS[name]}
    write_dataset(splits, tmp_path / "new", to, images="link")
    assert dataset_format(tmp_path / "new") == to
    again = {split: open_dataset(tmp_path / "new", split) for split in splits}
    assert sum(map(len, again.values())) == num_images
    found = Counter({class_: 0 for class_ in counts})
    for samples in again.values():
        found.update(dict(zip(samples.names, samples.counts.tolist(), strict=True)))
    assert found == counts
    for split, samples in splits.items():
        assert np.abs(again[split].boxes - samples.boxes).max() < 0.5  # pixels
        assert np.array_equal(again[split].labels, samples.labels)
