"""`yolo3 evaluate`: from a checkpoint and annotations to numbers."""

import inspect
import json
from pathlib import Path

import pytest
import torch
import yaml

from yolo3 import YOLOv3
from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.cli import main
from yolo3.cli.evaluate import evaluate
from yolo3.data import open_dataset
from yolo3.data.shapes import SHAPES, write_shapes
from yolo3.training.task import EVALUATION_IOU, EVALUATION_SCORE


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """A Pascal VOC data set of 3 + 4 drawn pictures."""
    write_shapes(tmp_path / "shapes", num_train=3, num_test=4, image_size=(64, 64))
    return tmp_path / "shapes"


@pytest.fixture
def run(shapes: Path, tmp_path: Path) -> Path:
    """What a training leaves."""
    folder = tmp_path / "run"
    digest = open_dataset(shapes, "train").digest()
    save_checkpoint(folder, YOLOv3(3, width=0.125), ModelCard(SHAPES, (64, 64), training=digest))
    config = {"data": str(shapes), "format": None, "train_split": None, "val_split": None}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def test_measures_on_what_the_training_held_out(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run)]) == 0

    output = capsys.readouterr().out
    assert "split 'test': 4 pictures" in output
    assert "all classes" in output
    metrics = json.loads((run / "evaluation" / "metrics.json").read_text())
    assert metrics["num_pictures"] == 4
    assert 0 <= metrics["AP"] <= 1
    assert main(["evaluate", str(run)]) == 0  # its own folder is made anew


def test_says_when_it_measures_what_was_learnt(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "--split", "train", "--output", str(tmp_path / "out")]) == 0

    assert "the pictures it was trained on" in capsys.readouterr().out
    assert (tmp_path / "out" / "config.yaml").exists()


def test_another_data_set(run: Path, shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), str(shapes), "--output", str(tmp_path / "out")]) == 0
    assert "split 'test': 4 pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["{run}", "--split", "moon"], "moon"),
        (["{run}", "nowhere"], "nowhere: no such data set"),
        (["{run}", "--output", "{run}"], "exists; name another with --output, or pass --overwrite"),
        (["{empty}"], "model.json is missing"),
    ],
)
def test_a_mistake_is_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert main(["evaluate", *(word.format(run=run, empty=tmp_path / "empty") for word in words)]) == 2

    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_a_checkpoint_without_its_training_needs_data(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "config.yaml").unlink()

    assert main(["evaluate", str(run)]) == 2

    assert f"give the data set: yolo3 evaluate {run} DATA" in capsys.readouterr().err


def test_refuses_data_of_other_classes(shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "nameless", YOLOv3(7, width=0.125), ModelCard(image_size=(64, 64)))

    assert main(["evaluate", str(tmp_path / "nameless"), str(shapes)]) == 2

    assert "knows 7 classes" in capsys.readouterr().err


def test_a_darknet_network_measures_too(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cfg, weights = (shared / "weights" / f"yolo-fastest-1.1.{kind}" for kind in ("cfg", "weights"))
    names = tmp_path / "names"
    data = shared / "data" / "fruits_coco"
    names.write_text("\n".join([*open_dataset(data).names, *(f"class {number}" for number in range(3, 80))]))
    words = [str(cfg), str(data), "--weights", str(weights), "--names", str(names)]

    assert main(["evaluate", *words, "--output", str(tmp_path / "out")]) == 0

    assert "18 pictures" in capsys.readouterr().out


def test_measures_as_a_training_does() -> None:
    """Its defaults are written out, since its help must not wait for Lightning; they are the training's."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(evaluate).parameters.items()}
    assert defaults["min_score"] == EVALUATION_SCORE
    assert defaults["iou_threshold"] == EVALUATION_IOU
