"""Detections in COCO's result files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yolo3.data import DataError
from yolo3.metrics import Annotated, DetectionSet, Truth, read_results, write_results

_NOTHING = Truth.of([])
COCO = Annotated(("cat", "dog"), (0, 90), ("a.jpg", "b.jpg"), (3, 40), _NOTHING, "truth.json")
VOC = replace(COCO, category_ids=(0, 1), image_ids=(0, 1), are_coco=False, images=("x/a.jpg", "x/b.1.jpg"))
DETECTION = {"image_id": 40, "category_id": 0, "bbox": [1.1, 2.2, 3.3, 4.4], "score": 0.123456789012345}


def _written(folder: Path, content: Any) -> Path:
    path = folder / "found.json"
    path.write_text(json.dumps(content))
    return path


def test_reads_to_the_last_digit(tmp_path: Path) -> None:
    content = [DETECTION, DETECTION | {"image_id": 3, "category_id": 90.0, "score": 1, "segmentation": []}]
    found = read_results(_written(tmp_path, content), COCO)

    assert found.image.tolist() == [1, 0]
    assert found.labels.tolist() == [0, 1]
    assert found.xywh.tolist() == [[1.1, 2.2, 3.3, 4.4]] * 2
    assert found.scores.tolist() == [0.123456789012345, 1]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    found = DetectionSet(rng.integers(0, 2, 9), np.arange(9) % 2, rng.random((9, 4)), rng.random(9))

    assert write_results(tmp_path / "found.json", COCO, found) == 0

    again = read_results(tmp_path / "found.json", COCO)
    for name, value in vars(found).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert {entry["category_id"] for entry in json.loads((tmp_path / "found.json").read_text())} == {0, 90}


def test_a_class_that_the_file_does_not_have_is_left_out(tmp_path: Path) -> None:
    found = DetectionSet(np.array([0, 0]), np.array([0, 1]), np.ones((2, 4)), np.array([0.5, 0.6]))
    assert write_results(tmp_path / "found.json", replace(COCO, category_ids=(7, None)), found) == 1
    assert [entry["category_id"] for entry in json.loads((tmp_path / "found.json").read_text())] == [7]


def test_nothing_found(tmp_path: Path) -> None:
    assert write_results(tmp_path / "found.json", COCO, DetectionSet.of([])) == 0
    assert json.loads((tmp_path / "found.json").read_text()) == []
    assert len(read_results(tmp_path / "found.json", COCO)) == 0


@pytest.mark.parametrize("called", [1, "b.1.jpg", "b.1"])
@pytest.mark.parametrize("category", [1, "dog"])
def test_other_data_sets_may_be_called_by_name(tmp_path: Path, called: int | str, category: int | str) -> None:
    found = read_results(_written(tmp_path, [DETECTION | {"image_id": called, "category_id": category}]), VOC)
    assert (found.image.tolist(), found.labels.tolist()) == ([1], [1])


def test_the_name_of_a_file_comes_before_a_guessed_id(tmp_path: Path) -> None:
    coco = replace(COCO, images=("train/0040.jpg", "val/0003.jpg", "train/7.jpg", "val/7.jpg"), image_ids=(3, 40, 7, 8))
    entries = [
        DETECTION | {"image_id": 40, "file_name": "elsewhere/0040.jpg"},  # a number, but another image's
        DETECTION | {"image_id": "0003", "file_name": "0003.jpg"},
        DETECTION | {"image_id": 7, "file_name": "elsewhere/val/7.jpg"},
        DETECTION | {"image_id": 8, "file_name": "7.jpg"},  # two are called so
        DETECTION | {"image_id": 40, "file_name": None},
        DETECTION | {"image_id": 40},
    ]
    assert read_results(_written(tmp_path, entries), coco).image.tolist() == [0, 1, 3, 3, 1, 1]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"annotations": []}, "detections are a list of .* not a dict"),
        ([[1, 2]], "detection 0: is an object with image_id"),
        (
            [DETECTION, DETECTION | {"image_id": 41}],
            r"detection 1: image_id 41 is not among the 2 images .*\(3, 40\)",
        ),
        ([DETECTION | {"image_id": "b.jpg"}], "image_id 'b.jpg' is not among the 2 images of truth.json"),
        (
            [DETECTION | {"file_name": "images/40.jpg"}],
            "file_name '40.jpg' is not among the 2 images of truth.json",
        ),
        ([DETECTION | {"image_id": [40]}], "image_id .* is not among"),
        ([DETECTION | {"category_id": 1}], r"category_id 1 is not among the categories of truth.json \(0, 90\)"),
        ([DETECTION | {"score": None}], "needs a 'score' that is a number, not None"),
        ([DETECTION | {"score": float("nan")}], "needs a 'score' that is a number, not nan"),
        ([DETECTION | {"score": 10**400}], "needs a 'score' that is a number, not 1000"),
        ([DETECTION | {"bbox": [1, 2, 3]}], "needs a 'bbox'"),
        ([DETECTION | {"bbox": [0, 0, 1e200, 1]}], "needs a 'bbox'"),
        ([DETECTION | {"bbox": ["1", "2", "3", "4"]}], "needs a 'bbox'"),
        ([{key: value for key, value in DETECTION.items() if key != "bbox"}], "needs a 'bbox'"),
        ([DETECTION | {"bbox": [1, 2, -3, 4]}], "needs a 'bbox'"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, content: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read_results(_written(tmp_path, content), COCO)


def test_a_file_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "found.json").write_text("[{]")
    with pytest.raises(DataError, match=r"found\.json:1: not well-formed JSON"):
        read_results(tmp_path / "found.json", COCO)
