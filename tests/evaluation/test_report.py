"""What a report says, and the files it leaves."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from yolo3.evaluation import Report, measure_all, write_report
from yolo3.metrics import Comparison, DetectionSet, Truth, confusion_matrix, match_coco

_ONE = Truth(
    image=np.array([0]),
    labels=np.array([0]),
    xywh=np.array([[1.0, 1, 9, 9]]),
    area=np.array([81.0]),
    ignored=np.array([False]),
    ids=np.array([1]),
)


def _nothing(names: tuple[str, ...] = ("cat",)) -> Comparison:
    return Comparison(names, ("a.jpg",), Truth.of([]), DetectionSet.of([]))


def test_numbers_as_json(report: Callable[[int], Report]) -> None:
    measured = report(3)

    content = json.loads(json.dumps(measured.to_dict()))

    assert content["AP50"] == measured.coco.AP50
    assert content["VOC"] == pytest.approx(np.mean(list(measured.voc.values())))
    assert content["VOC_11_point"] == pytest.approx(np.mean(list(measured.voc_11_point.values())))
    assert content["best"]["f1"] == measured.pooled.f1.max()
    for name, numbers in content["per_class"].items():
        assert numbers["VOC"] == measured.voc[name]
        assert numbers["objects"] == measured.curves[name].num_objects
        assert numbers["best"]["f1"] == measured.curves[name].f1.max()
    first = content["worst"][0]
    assert Path(first["image"]).name.startswith("an image")
    assert first["missed"] + first["false"] == max(each["missed"] + each["false"] for each in content["worst"])


def test_mistakes_are_counted_at_the_best_score(report: Callable[[int], Report]) -> None:
    measured = report(3)
    expected = confusion_matrix(measured.comparison, match_coco(measured.comparison), measured.best.score)
    np.testing.assert_array_equal(measured.confusion, expected)
    assert np.trace(measured.confusion) / measured.confusion[:-1].sum() == pytest.approx(measured.best.recall)


def test_the_table(report: Callable[[int], Report]) -> None:
    measured = report(3)
    table = str(measured).splitlines()

    assert table[0].split() == ["class", "objects", "AP", "AP50", "VOC", "VOC11", "F1", "at", "score"]
    assert f"{measured.coco.AP50:.3f}" in table[4]
    assert f"{measured.best.score:.3f}" in table[4]
    assert table[6].split()[:3] == ["AP75", "APs", "APm"]


def test_a_table_of_nothing_tells_what_is_left_out() -> None:
    measured = measure_all(_nothing(tuple(f"class {number}" for number in range(12))))

    text = str(measured)

    assert "class 9 and 2 more" in text
    assert " -" in text  # no number
    assert measured.to_dict()["VOC"] == -1
    assert measured.worst == ()


def test_files(report: Callable[[int], Report], tmp_path: Path) -> None:
    measured = report(3)
    folder = tmp_path / "out"
    folder.mkdir()

    write_report(folder, measured, {"data": "here"})

    files = {path.name for path in folder.iterdir()}
    charts = {"precision_recall.png", "scores.png", "confusion.png", "worst.png"}
    assert files == {"metrics.json", "confusion.csv", *charts}
    assert json.loads((folder / "metrics.json").read_text())["data"] == "here"
    with (folder / "confusion.csv").open(newline="") as file:
        head, *rows = list(csv.reader(file))
    assert head == ["", *measured.comparison.names, "background"]
    assert [[int(cell) for cell in row[1:]] for row in rows] == measured.confusion.tolist()


def test_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    """Linux takes any bytes."""
    comparison = replace(_nothing(), images=("dark\udcff.jpg",), truth=_ONE)
    write_report(tmp_path, measure_all(comparison), {})
    assert json.loads((tmp_path / "metrics.json").read_text())["worst"][0]["image"] == "dark\udcff.jpg"


def test_areas_that_coco_leaves_out(tmp_path: Path) -> None:
    comparison = replace(_nothing(), truth=replace(_ONE, area=np.array([-1.0])))
    write_report(tmp_path, measure_all(comparison), {})
    assert json.loads((tmp_path / "metrics.json").read_text())["without_truth"] == ["cat"]


def test_files_of_nothing(tmp_path: Path) -> None:
    write_report(tmp_path, measure_all(_nothing()), {})
    assert not (tmp_path / "worst.png").exists()
    assert json.loads((tmp_path / "metrics.json").read_text())["AP"] == -1
