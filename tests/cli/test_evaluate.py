"""`yolo3 evaluate`: from a checkpoint and annotations to numbers."""

import inspect
import json
from pathlib import Path

import pytest
import torch
import yaml
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolo3 import YOLOv3
from yolo3.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from yolo3.cli import evaluation_data, main
from yolo3.cli.evaluate import evaluate
from yolo3.data import open_dataset, write_dataset
from yolo3.data.shapes import SHAPES, write_shapes
from yolo3.suppression import EVALUATION_IOU, EVALUATION_SCORE


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """A Pascal VOC data set of 3 + 4 drawn images."""
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
    assert "split 'test': 4 images" in output
    assert "all classes" in output
    metrics = json.loads((run / "evaluation" / "metrics.json").read_text())
    assert metrics["num_images"] == 4
    assert 0 <= metrics["AP"] <= 1
    assert metrics["trained_on"].startswith("none of these 4 images")
    assert metrics["speed"]["num_images"] == 4
    assert json.loads((run / "evaluation" / "detections.json").read_text()) is not None
    assert "ms per image, one at a time" in output
    assert main(["evaluate", str(run)]) == 0  # its own folder is made anew


def test_the_last_epoch_is_measured_on_the_same(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(run / "last", *load_checkpoint(run))

    assert main(["evaluate", str(run / "last")]) == 0

    assert "split 'test': 4 images" in capsys.readouterr().out
    metrics = json.loads((run / "last" / "evaluation" / "metrics.json").read_text())
    assert metrics["trained_on"].startswith("none of these 4 images")
    monkeypatch.chdir(run / "last")
    assert main(["evaluate", "."]) == 0


def test_says_when_it_measures_what_was_learnt(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "--split", "train", "--output", str(tmp_path / "out")]) == 0

    assert "it was trained on all of these images" in capsys.readouterr().out
    assert (tmp_path / "out" / "config.yaml").exists()


def test_says_when_it_measures_some_of_what_was_learnt(
    run: Path, shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = shapes / "ImageSets" / "Main"
    both = [(splits / f"{name}.txt").read_text().split() for name in ("train", "test")]
    (splits / "mixed.txt").write_text("\n".join([*both[0][:2], *both[1]]))

    assert main(["evaluate", str(run), str(shapes), "--split", "mixed", "--output", str(tmp_path / "out")]) == 0
    assert "it was trained on 2 of these 6 images" in capsys.readouterr().out

    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump(config | {"data": "moved"}))  # the card alone knows a digest
    assert main(["evaluate", str(run), str(shapes), "--split", "mixed", "--output", str(tmp_path / "out2")]) == 0
    assert "the training's data is not there to tell" in capsys.readouterr().out


def test_another_data_set(run: Path, shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), str(shapes), "--output", str(tmp_path / "out")]) == 0
    assert "split 'test': 4 images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["{run}", "--split", "moon"], "moon"),
        (["{run}", "nowhere"], "nowhere: no such data set"),
        (["{run}", "--output", "{run}"], "exists; name another with --output, or pass --overwrite"),
        (["{run}", "--output", "{run}", "--overwrite"], "which would be emptied; name another"),
        (["{empty}"], "empty: no such file or folder; a model is a checkpoint folder"),
        (["{shapes}"], "is a data set and no detector; say yolo3 evaluate MODEL"),
        ([], "nothing to measure; say yolo3 evaluate MODEL, or yolo3 evaluate DATA --detections FILE"),
    ],
)
def test_a_mistake_is_one_line(
    run: Path, shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    words = [word.format(run=run, empty=tmp_path / "empty", shapes=shapes) for word in words]
    assert main(["evaluate", *words]) == 2

    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_a_checkpoint_without_its_training_needs_data(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "config.yaml").unlink()

    assert main(["evaluate", str(run)]) == 2

    assert f"give the data set: yolo3 evaluate {run} DATA" in capsys.readouterr().err


def test_refuses_a_network_with_random_weights(shapes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "net.cfg", str(shapes)]) == 2
    assert "net.cfg is a network without its weights; add --weights FILE" in capsys.readouterr().err
    assert main(["evaluate", "yolov3_nano", str(shapes)]) == 2
    assert "yolov3_nano has random weights" in capsys.readouterr().err


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

    output = capsys.readouterr().out
    assert "18 images" in output
    assert "left out of detections.json" in output  # classes that the data set does not have
    file = COCO(data / "trainval.json")
    evaluation = COCOeval(file, file.loadRes(str(tmp_path / "out" / "detections.json")), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capsys.readouterr()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert [metrics[name] for name in ("AP", "AP50", "AR100")] == pytest.approx(evaluation.stats[[0, 1, 8]], abs=1e-12)
    assert metrics["AR100"] > 0


def test_held_out_images_of_a_coco_file(shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is nothing but a training split, every tenth image is measured, under its id of the file."""
    write_dataset({"train": open_dataset(shapes, "train")}, tmp_path / "coco", "coco")
    folder = tmp_path / "run"
    torch.manual_seed(0)
    save_checkpoint(folder, YOLOv3(3, width=0.125), ModelCard(SHAPES, (64, 64), training="another"))
    config = {"data": str(tmp_path / "coco"), "format": None, "train_split": None, "val_split": None}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))

    assert main(["evaluate", str(folder), "--min-score", "0"]) == 0

    assert "1 images" in capsys.readouterr().out
    metrics = json.loads((folder / "evaluation" / "metrics.json").read_text())
    assert metrics["num_images"] == 1
    assert metrics["data"] == str(tmp_path / "coco" / "annotations" / "instances_train.json")
    found = json.loads((folder / "evaluation" / "detections.json").read_text())
    expected = open_dataset(tmp_path / "coco", "train")[0].image_id
    assert {each["image_id"] for each in found} == {expected}
    assert {each["category_id"] for each in found} <= {1, 2, 3}


def test_a_split_without_images(run: Path, shapes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shapes / "ImageSets" / "Main" / "none.txt").write_text("")
    assert main(["evaluate", str(run), "--split", "none"]) == 2
    assert "no image to measure on; choose another --split" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["faster_coco_eval", "matplotlib"])
def test_says_before_it_starts_what_is_not_installed(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    find_spec = evaluation_data.find_spec
    monkeypatch.setattr(evaluation_data, "find_spec", lambda name: None if name == module else find_spec(name))
    assert main(["evaluate", str(run)]) == 2
    assert f'measuring needs {module}: pip install "yolo3-torch[train]"' in capsys.readouterr().err
    assert not (run / "evaluation").exists()


def test_measures_as_a_training_does() -> None:
    """Its defaults are written out, since its help must not wait for Lightning; they are the training's."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(evaluate).parameters.items()}
    assert defaults["min_score"] == EVALUATION_SCORE
    assert defaults["nms_iou"] == EVALUATION_IOU


def test_an_image_that_cannot_be_read(run: Path, shapes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Skipped, it counts as one without detections, as it does to pycocotools that reads detections.json."""
    bad = sorted((shapes / "JPEGImages").glob("*.jpg"))[-1]
    bad.write_bytes(b"no image")
    assert main(["evaluate", str(run)]) == 2
    assert f"{bad}: not an image that can be read" in capsys.readouterr().err
    with pytest.warns(UserWarning, match="1 of 4 images could not be read"):
        assert main(["evaluate", str(run), "--on-error", "skip"]) == 0
    evaluation = run / "evaluation"
    assert json.loads((evaluation / "errors.jsonl").read_text())["path"] == str(bad)
    assert json.loads((evaluation / "metrics.json").read_text())["num_images"] == 4
    for path in (shapes / "JPEGImages").glob("*.jpg"):
        path.write_bytes(b"no image")
    assert main(["evaluate", str(run), "--on-error", "skip"]) == 3
    assert "no image could be read" in capsys.readouterr().err
