"""The doctor's counts of real data sets, against counts that use none of the library's readers."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from yolo3.data.doctor import examine

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
