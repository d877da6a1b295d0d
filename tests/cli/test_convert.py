from pathlib import Path

import pytest
import torch

from yolo3 import Anchors, Darknet, YOLOv3, load_checkpoint, load_darknet_weights, save_checkpoint, save_darknet_weights
from yolo3.checkpoint import ModelCard
from yolo3.cli import main
from yolo3.darknet import adapted_cfg

CFG = """[net]
width=64
height=32
channels=3
[convolutional]
batch_normalize=1
filters=8
size=3
stride=8
pad=1
activation=leaky
[convolutional]
filters=21
size=1
activation=linear
[yolo]
mask=0,1,2
anchors=4,4, 8,8, 16,16
classes=2
num=3
"""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with small.cfg, small.weights, small.names and small.data."""
    monkeypatch.chdir(tmp_path)
    Path("small.cfg").write_text(CFG)
    save_darknet_weights(Darknet(CFG), "small.weights")
    Path("small.names").write_text("cat\ndog\n")
    Path("small.data").write_text("classes = 2\nnames = small.names\ntrain = train.txt\n")
    return tmp_path


@pytest.mark.parametrize("names", ["small.names", "small.data"])
def test_there_and_back(scene: Path, names: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "small.cfg", "run", "--weights", "small.weights", "--names", names]) == 0
    network, card = load_checkpoint("run")
    assert isinstance(network, Darknet)
    assert card.names == ("cat", "dog")
    assert card.image_size == (32, 64)
    assert card.letterbox == "darknet"
    assert main(["convert", "run", "back"]) == 0
    assert Path("back/back.cfg").read_text() == CFG
    assert Path("back/back.weights").read_bytes() == Path("small.weights").read_bytes()
    assert Path("back/back.names").read_text() == "cat\ndog\n"
    assert "pictures are fitted to its input by 'darknet'" in capsys.readouterr().out


def test_the_letterbox_is_stored(scene: Path) -> None:
    assert main(["convert", "small.cfg", "run", "--weights", "small.weights", "--letterbox", "stretch"]) == 0
    assert load_checkpoint("run")[1].letterbox == "stretch"


def test_the_hand_written_network_becomes_darknets(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The full network is large: here its place is taken by the check that its cfg would be read and filled."""
    anchors = Anchors((((90, 80), (70, 60), (50, 40)), ((30, 30), (20, 30), (30, 20)), ((10, 12), (8, 8), (4, 5))))
    network = YOLOv3(2, conv_set_depth=5, anchors=anchors)
    save_checkpoint("run", network, ModelCard(("cat", "dog"), image_size=(64, 96)))
    assert main(["convert", "run", "full"]) == 0
    again = Darknet("full/full.cfg")
    assert again.anchors == anchors
    assert again.image_size == (64, 96)
    load_darknet_weights(again, "full/full.weights")
    images = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        for one, other in zip(network.eval()(images), again.eval()(images), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["small.cfg", "run"], "small.cfg is a network without its weights; add --weights FILE"),
        (["small.cfg", "small.names", "--weights", "small.weights"], "output small.names is a file"),
        (["small.cfg", "run", "--weights", "small.cfg"], "small.cfg"),
        (["nowhere", "run"], "nowhere"),
        (["compact", "run"], "only networks that Darknet has can be written for it"),
    ],
)
def test_refuses_in_one_line(scene: Path, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    save_checkpoint("compact", YOLOv3(2, width=0.1), ModelCard())
    assert main(["convert", *words]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not Path("run").exists()


def test_adapted_cfg_refuses_other_numbers_of_anchors() -> None:
    with pytest.raises(ValueError, match=r"yolov3-tiny.cfg has three anchors a scale"):
        adapted_cfg("yolov3-tiny.cfg", 2, Anchors((((9, 9),), ((5, 5),)), (32, 16)))
    with pytest.raises(ValueError, match="num_classes is 0"):
        adapted_cfg("yolov3.cfg", 0)
