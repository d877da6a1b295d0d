"""The published yolov3-tiny, fetched from a server on loopback: what it finds, and the same in OpenCV 4's importer."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from yolo3 import Darknet, Predictor, load_darknet_weights, presets
from yolo3.cli import main
from yolo3.darknet.cfg import read_cfg
from yolo3.published import FetchError, fetch, open_published

At = Callable[..., None]
FOUND = {"dog", "car", "bicycle", "truck"}


def test_dog_car_bicycle_truck(tiny_server, tiny_at: At, shared: Path) -> None:
    tiny_at("whole")
    predictor = Predictor.from_published("yolov3-tiny", precision="fp32", device="cpu")
    assert predictor.image_size == (416, 416)
    found = predictor(shared / "images/dog.jpg")[0]
    assert set(found.names) == FOUND
    assert len(found) == 4
    assert tiny_server.manners() == ["whole"]


def test_opencv_finds_the_same(tiny_at: At, shared: Path, tmp_path: Path, tiny_server) -> None:
    """Boxes in fractions of the input, and scores: OpenCV gives them per cell and then anchor, scores above 0.2 alone.

    Its batch normalization has an epsilon of 1e-6.
    """
    tiny_at("whole")
    network, card = open_published("yolov3-tiny")
    as_opencv = Darknet("yolov3-tiny.cfg", bn_eps=1e-6)
    load_darknet_weights(as_opencv, fetch("yolov3-tiny"))
    (tmp_path / "tiny.cfg").write_text(read_cfg("yolov3-tiny.cfg")[0])
    theirs = cv2.dnn.readNetFromDarknet(str(tmp_path / "tiny.cfg"), str(shared / "weights/yolov3-tiny.weights"))
    for detector, closeness in ((as_opencv, 1e-5), (network, 1e-4)):
        predictor = Predictor.from_card(detector, card, precision="fp32", device="cpu")
        prepared = predictor.prepare(shared / "images/dog.jpg")
        (candidates,) = predictor.candidates([prepared])
        theirs.setInput(prepared.image[None].numpy())
        coarse, fine = sorted(theirs.forward(theirs.getUnconnectedOutLayersNames()), key=len)
        expected = np.concatenate([coarse, fine])
        boxes, scores = (_by_cell(each[0]) for each in (candidates.boxes / 416, candidates.scores))
        cxcywh = torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], dim=1).numpy()
        kept = expected[:, 5:] > 0
        assert kept.sum() >= 4
        assert np.abs(scores.numpy() - expected[:, 5:])[kept].max() < closeness
        assert scores.numpy()[~kept].max() < 0.2 + closeness
        anything = expected[:, 4] > 0.01
        assert np.abs(cxcywh - expected[:, :4])[anything].max() < closeness


def _by_cell(rows: torch.Tensor) -> torch.Tensor:
    """(3·13² + 3·26², n) per anchor and then cell -> per cell and then anchor."""
    return torch.cat(
        [
            part.unflatten(0, (3, -1)).transpose(0, 1).flatten(0, 1)
            for part in (rows[: 3 * 13 * 13], rows[3 * 13 * 13 :])
        ]
    )


def test_a_preset_with_weights(tiny_at: At, tiny_server) -> None:
    tiny_at("whole")
    network = presets.yolov3_tiny(weights="coco")
    expected, _ = open_published("yolov3-tiny")
    for name, tensor in expected.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor), name
    with pytest.raises(ValueError, match="weights 'coco' are for 80 classes and not 3; leave out num_classes"):
        presets.yolov3_tiny(3, weights="coco")
    with pytest.raises(ValueError, match="no weights 'voc' for yolov3-tiny; there are 'coco'"):
        presets.yolov3_tiny(weights="voc")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weights 'coco' are for width 1 and COCO's anchors"):
        presets.yolov3(width=0.25, weights="coco")


def test_a_preset_asks_for_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLO3_OFFLINE", "1")
    with torch.device("meta"):
        for preset, file in ((presets.yolov3, "yolov3.weights"), (presets.yolov3_spp, "yolov3-spp.weights")):
            with pytest.raises(FetchError, match=f"^{file} is not here"):
                preset(weights="coco")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: Path) -> Path:
    """A current folder with dog.jpg in it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("dog.jpg").write_bytes((shared / "images/dog.jpg").read_bytes())
    return tmp_path / "here"


def test_detect_by_name(scene: Path, tiny_server, tiny_at: At, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_at("whole")
    for number, model in enumerate(("yolov3-tiny", "yolov3_tiny", "yolov3-tiny.weights"), start=1):
        assert main(["detect", model, "dog.jpg", "--formats", "json", "--output", f"out{number}"]) == 0
        found = json.loads(Path(f"out{number}/detections.json").read_text())[0]["detections"]
        assert {each["name"] for each in found} == FOUND
    assert tiny_server.manners() == ["whole"]
    assert capsys.readouterr().err.count("fetching yolov3-tiny.weights (35 MB)") == 1


def test_a_shipped_cfg_has_its_names(scene: Path, tiny_server, tiny_at: At) -> None:
    tiny_at("whole")
    words = ["detect", "yolov3-tiny.cfg", "dog.jpg", "--weights", "yolov3-tiny.weights", "--formats", "json"]
    assert main(words) == 0
    found = json.loads(Path("runs/detect/detections.json").read_text())[0]["detections"]
    assert {each["name"] for each in found} == FOUND
    Path("own.names").write_text("".join(f"class {number}\n" for number in range(80)))
    assert main(["detect", "yolov3-tiny", *words[2:3], *words[5:], "--names", "own.names", "--output", "own"]) == 0
    found = json.loads(Path("own/detections.json").read_text())[0]["detections"]
    assert {each["name"] for each in found} == {"class 16", "class 2", "class 1", "class 7"}


def test_convert_and_info_by_name(scene: Path, tiny_server, tiny_at: At, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_at("whole")
    assert main(["info", "yolov3-tiny", "--no-layers"]) == 0
    assert "8,852,366" in capsys.readouterr().out
    assert main(["info", "yolov4-tiny", "--no-layers"]) == 0
    assert "80: person, bicycle, " in capsys.readouterr().out
    assert tiny_server.requests == []  # a network is told without its weights
    assert main(["convert", "yolov3-tiny", "run"]) == 0
    assert json.loads(Path("run/model.json").read_text())["names"][16] == "dog"
    assert tiny_server.manners() == ["whole"]


def test_a_folder_of_that_name_is_meant(scene: Path, tiny_server, capsys: pytest.CaptureFixture[str]) -> None:
    Path("yolov3-tiny").mkdir()
    assert main(["detect", "yolov3-tiny", "dog.jpg"]) == 2
    assert "yolov3-tiny/model.json is missing" in capsys.readouterr().err
    assert tiny_server.requests == []


def test_weights_to_start_from(scene: Path, tiny_server, tiny_at: At, shared: Path, capsys) -> None:
    tiny_at("whole")
    words = ["train", str(shared / "data/fruits_coco"), "--model", "yolov3_tiny", "--image-size", "64", "--epochs", "1"]
    assert main([*words, "--weights", "yolov3-tiny.weights", "--weights-layers", "15", "--num-workers", "0"]) == 0
    assert "starting from" in capsys.readouterr().out
    assert tiny_server.manners() == ["whole"]
    assert "weights: yolov3-tiny.weights" in Path("runs/train/config.yaml").read_text()


def test_the_command_lists_and_fetches(tiny_server, tiny_at: At, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_at("whole")
    assert main(["weights"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "MB", "AP50", "SHA-256", "licence", "here"]
    listed = {line.split()[0]: line.split() for line in lines[1:] if line.endswith((" yes", " no"))}
    assert listed["yolov3-tiny"] == ["yolov3-tiny", "35.4", "33.1", "dccea06f59b7", "public", "domain", "no"]
    assert listed["darknet53.conv.74"][2] == "unverified"
    assert main(["weights", "yolov3-tiny"]) == 0
    assert capsys.readouterr().out == f"{fetch('yolov3-tiny')}\n"
    assert main(["weights"]) == 0
    assert "yes\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            "detect dog.jpg",
            "dog.jpg is an image and no model; name one before it, as in yolo3 detect yolov3-tiny dog.jpg",
        ),
        (
            "detect a.jpg b.jpg",
            "a.jpg is an image and no model; name one before it, as in yolo3 detect yolov3-tiny a.jpg",
        ),
        (
            "detect camera:0",
            "camera:0 is a camera and no model; name one before it, as in yolo3 detect yolov3-tiny camera",
        ),
        ("detect .", ". is a folder and no model; name one before it, as in yolo3 detect yolov3-tiny ."),
        (
            "detect yolov3-tiny",
            "no source; name images after the model, as in yolo3 detect yolov3-tiny dog.jpg",
        ),
        ("detect yolov3-tiny dog.jpg --weights x.weights", "--weights x.weights: no such file; give the .weights file"),
        (
            "detect yolov3-tiny dog.jpg --weights yolov3-tiny.weights",
            "--weights belongs to a Darknet .cfg; the published yolov3-tiny has its own",
        ),
        (
            "detect darknet53.conv.74 dog.jpg",
            "darknet53.conv.74 is a backbone and no detector; yolo3 train DATA --model yolov3 --weights "
            "darknet53.conv.74 starts from it",
        ),
        ("detect yolov3-tiny dog.jpg", "yolov3-tiny.weights is not here, and YOLO3_OFFLINE forbids fetching it; put "),
        ("detect yolov3-tinny dog.jpg", "yolov3-tinny: no such file or folder; did you mean yolov3-tiny?"),
        ("weights yolov9", "no published weights 'yolov9'; there are yolov3, "),
        ("weights yolov3-tiny yolov9", "no published weights 'yolov9'; there are yolov3, "),
        ("train . --model yolov3-tiny", "no model 'yolov3-tiny'; did you mean yolov3_tiny?"),
        ("evaluate yolov3-tiny", "yolov3-tiny"),
    ],
)
def test_mistakes(
    scene: Path, words: str, complaint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOLO3_OFFLINE", "1")
    assert main(words.split()) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"yolo3 {words.split()[0]}: error: {complaint}")
    assert told.count("\n") == 1
    assert sorted(path.name for path in scene.iterdir()) == ["dog.jpg"]
