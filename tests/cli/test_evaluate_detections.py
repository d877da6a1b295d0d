"""`yolo3 evaluate DATA --detections FILE`: numbers equal to pycocotools' on the same files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolo3.cli import main
from yolo3.data import open_dataset, write_dataset
from yolo3.data.shapes import write_shapes

NUMBERS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")

Files = tuple[Path, Path]
"""Annotations and detections."""


def _annotations(dice: np.random.Generator, first_id: int, crowds: float, outlines: bool) -> dict[str, Any]:
    """Twelve images, every fourth empty; four classes of sparse ids, one of which never occurs."""
    categories = [{"id": number, "name": f"class {number}"} for number in (0, 3, 17, 90)]
    images = [{"id": int(number), "file_name": f"{number}.jpg"} for number in dice.permutation(40)[:12]]
    annotations = []
    for image in images[::4] + images[1::4] + images[2::4]:
        for _ in range(int(dice.integers(1, 9))):
            width, height = (dice.choice([12, 50, 150]) * dice.uniform(0.7, 1.3, 2)).tolist()
            left, top = dice.uniform(0, 300, 2).tolist()
            annotations.append(
                {
                    "id": first_id + len(annotations),
                    "image_id": image["id"],
                    "category_id": categories[int(dice.integers(3))]["id"],
                    "bbox": [left, top, width, height],
                    "area": width * height * (dice.uniform(0.3, 1) if outlines else 1),
                    "iscrowd": int(dice.random() < crowds),
                }
            )
    return {"images": images, "categories": categories, "annotations": annotations}


def _detections(dice: np.random.Generator, truth: dict[str, Any], digits: int, many: int) -> list[dict[str, Any]]:
    """Hits, near misses, repetitions, detections of the absent class, and in one image a great many."""
    found = []
    for annotation in truth["annotations"]:
        for _ in range(int(dice.integers(0, 4))):
            box = np.array(annotation["bbox"]) * (1 + dice.normal(0, 0.08, 4))
            found.append(annotation | {"bbox": box.tolist()})
    for index in range(many):
        image = truth["images"][0 if index > 10 else index]
        box = [*dice.uniform(0, 300, 2), *dice.uniform(5, 90, 2)]
        category = truth["categories"][int(dice.integers(4))]
        found.append({"image_id": image["id"], "category_id": category["id"], "bbox": box})
    keys = ("image_id", "category_id", "bbox")
    return [{key: each[key] for key in keys} | {"score": round(float(dice.random()), digits)} for each in found]


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Files]:
    """Write annotations and detections."""

    def write(
        seed: int = 0, first_id: int = 1, crowds: float = 0.0, outlines: bool = False, digits: int = 16, many: int = 9
    ) -> Files:
        dice = np.random.default_rng(seed)
        truth = _annotations(dice, first_id, crowds, outlines)
        paths = tmp_path / "truth.json", tmp_path / "found.json"
        for path, content in zip(paths, (truth, _detections(dice, truth, digits, many)), strict=True):
            path.write_text(json.dumps(content))
        return paths

    return write


def _pycocotools(truth: Path, found: Path) -> list[float]:
    annotations = COCO(truth)
    evaluation = COCOeval(annotations, annotations.loadRes(str(found)), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats.tolist()


def _evaluate(truth: Path, found: Path, output: Path, *more: str) -> dict[str, Any]:
    assert main(["evaluate", str(truth), "--detections", str(found), "--output", str(output), *more]) == 0
    return json.loads((output / "metrics.json").read_text())


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"seed": 1, "crowds": 0.3},
        {"seed": 2, "outlines": True},
        {"seed": 3, "digits": 1, "crowds": 0.2, "outlines": True},
        {"seed": 4, "many": 500, "digits": 2},
        {"seed": 5, "first_id": 0, "crowds": 0.2},
    ],
    ids=["plain", "crowds", "areas of outlines", "ties", "more than 100 detections", "annotation ids from 0"],
)
def test_equals_pycocotools(
    files: Callable[..., Files], tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: dict[str, Any]
) -> None:
    truth, found = files(**kind)

    measured = _evaluate(truth, found, tmp_path / "a" / "b")

    output = capsys.readouterr().out
    expected = _pycocotools(truth, found)
    assert [measured[name] for name in NUMBERS] == pytest.approx(expected, abs=1e-12)
    assert 0.1 < measured["AP50"] < 0.95
    assert min(expected) >= 0  # every size occurs
    assert measured["without_truth"] == ["class 90"]
    assert "left out of the means: class 90" in output
    assert ("annotation with id 0 counts as never found" in output) == (kind.get("first_id") == 0)
    assert measured["num_images"] == 12
    names = {path.name for path in (tmp_path / "a" / "b").iterdir()}
    charts = {"precision_recall.png", "scores.png", "confusion.png"}
    assert names == {"metrics.json", "config.yaml", "confusion.csv", *charts}  # no images, so no sheet of them
    assert yaml.safe_load((tmp_path / "a" / "b" / "config.yaml").read_text())["detections"] == str(found)


def test_ids_and_areas_as_other_programs_write_them(files: Callable[..., Files], tmp_path: Path) -> None:
    """Ids below 0 and with a point, and areas that COCO has no size for: with them a class has no truth."""
    truth, found = files(seed=6, first_id=-9)
    content = json.loads(truth.read_text())
    for entry in content["annotations"]:
        entry |= {name: float(entry[name]) for name in ("id", "image_id", "category_id")}
        if entry["category_id"] == 3:
            entry["area"] = -1 if entry["id"] % 2 else 2e10
    for entry in (*content["images"], *content["categories"]):
        entry["id"] = float(entry["id"])
    truth.write_text(json.dumps(content))

    measured = _evaluate(truth, found, tmp_path / "out")

    assert [measured[name] for name in NUMBERS] == pytest.approx(_pycocotools(truth, found), abs=1e-12)
    assert measured["without_truth"] == ["class 3", "class 90"]
    assert list(measured["per_class"]) == ["class 0", "class 17"]


def test_nothing_found(files: Callable[..., Files], tmp_path: Path) -> None:
    truth, found = files()
    found.write_text("[]")
    measured = _evaluate(truth, found, tmp_path / "out")
    assert [measured[name] for name in NUMBERS] == [0] * 12
    assert measured["best"] == {"score": 0, "precision": 0, "recall": 0, "f1": 0}


def test_an_output_that_exists(files: Callable[..., Files], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, found = files()
    words = ["evaluate", str(truth), "--detections", str(found), "--output", str(tmp_path / "out")]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()

    assert main(words) == 2
    assert "exists; name another with --output, or pass --overwrite" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]
    assert main([*words, "--overwrite"]) == 0
    assert not (tmp_path / "out" / "mine").exists()


def test_the_default_output_is_numbered(
    files: Callable[..., Files], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, found = files()
    monkeypatch.chdir(tmp_path)
    for name in ("runs/evaluation", "runs/evaluation-2"):
        assert main(["evaluate", str(truth), "--detections", str(found)]) == 0
        assert capsys.readouterr().out.splitlines()[-1].startswith(f"{name}: metrics.json")
        assert (tmp_path / name / "metrics.json").exists()


def test_spares_what_it_reads(
    files: Callable[..., Files], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, found = files()
    (tmp_path / "runs" / "evaluation").mkdir(parents=True)
    found = found.rename(tmp_path / "runs" / "evaluation" / "detections.json")
    monkeypatch.chdir(tmp_path)

    assert main(["evaluate", str(truth), "--detections", str(found), "--overwrite"]) == 2

    assert "is in the output folder runs/evaluation, which would be emptied; name another" in capsys.readouterr().err
    assert main(["evaluate", str(truth), "--detections", str(found), "--output", "..", "--overwrite", "true"]) == 2
    assert found.exists()


@pytest.mark.parametrize("format", ["voc", "coco", "yolo"])
def test_every_format(tmp_path: Path, format: str) -> None:
    """A detector that misses one object, in the words of each format."""
    write_shapes(tmp_path / "shapes", num_train=2, num_test=3, image_size=(96, 96))
    splits = {name: open_dataset(tmp_path / "shapes", name) for name in ("train", "test")}
    write_dataset(splits, tmp_path / format, format)  # type: ignore[arg-type]
    samples = open_dataset(tmp_path / format, "test")
    results = [
        {
            "image_id": sample.image.stem if sample.image_id is None else sample.image_id,
            "category_id": int(label) + (format == "coco"),
            "bbox": [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()],
            "score": 0.9,
        }
        for sample in samples
        for box, label in zip(sample.boxes.astype(float), sample.labels, strict=True)
    ]
    (tmp_path / "found.json").write_text(json.dumps(results[1:]))

    measured = _evaluate(tmp_path / format, tmp_path / "found.json", tmp_path / "out")

    assert measured["best"]["precision"] == 1
    assert [(each["missed"], each["false"]) for each in measured["worst"]] == [(1, 0)]
    assert (tmp_path / "out" / "worst.png").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["{truth}", "--detections", "nowhere.json"], "nowhere.json: cannot be read"),
        (["{truth}", "--detections", "{truth}"], "detections are a list of"),
        (["{truth}", "{truth}", "--detections", "{found}"], "give the data set and no model"),
        (["--detections", "{found}"], "give the data set and no model"),
        (["nowhere", "--detections", "{found}"], "nowhere: no such data set"),
        (["{truth}", "--detections", "{found}", "--names", "{found}"], "--names is a model's"),
        (["{truth}", "--detections", "{found}", "--image-size", "320"], "--image-size is a model's"),
        (["{truth}", "--detections", "{found}", "--min-score", "0.5"], "--min-score is a model's"),
        (["{truth}"], "is a data set and no detector; say yolo3 evaluate MODEL"),
    ],
)
def test_a_mistake_is_one_line(
    files: Callable[..., Files],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    truth, found = files()
    words = [word.format(truth=truth, found=found) for word in words]

    assert main(["evaluate", *words, "--output", str(tmp_path / "out")]) == 2

    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_data_may_be_said_by_its_flag(files: Callable[..., Files], tmp_path: Path) -> None:
    truth, found = files()
    words = ["--data", str(truth), "--detections", str(found), "--output", str(tmp_path / "out")]
    assert main(["evaluate", *words]) == 0


def test_several_coco_files_at_once(tmp_path: Path) -> None:
    """Their ids may clash, so images are called by file."""
    write_shapes(tmp_path / "shapes", num_train=2, num_test=3, image_size=(96, 96))
    splits = {new: open_dataset(tmp_path / "shapes", old) for new, old in (("one", "train"), ("two", "test"))}
    write_dataset(splits, tmp_path / "coco", "coco")
    samples = open_dataset(tmp_path / "coco")
    result = {"image_id": samples.path(4).name, "category_id": 0, "bbox": [0, 0, 5, 5], "score": 0.5}
    (tmp_path / "found.json").write_text(json.dumps([result]))

    assert _evaluate(tmp_path / "coco", tmp_path / "found.json", tmp_path / "out")["num_images"] == 5
