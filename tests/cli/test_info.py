from pathlib import Path

import pytest
import torch

from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.cli import main
from yolo3.cli.info import giga_flop
from yolo3.models import YOLOv3


@pytest.fixture
def run(tmp_path: Path) -> Path:
    card = ModelCard(("cat", "dog"), image_size=(64, 96), metrics={"AP50": 0.51234})
    save_checkpoint(tmp_path, YOLOv3(2, width=0.1), card)
    return tmp_path


def test_info_of_a_checkpoint(run, capsys):
    assert main(["info", str(run)]) == 0
    text = capsys.readouterr().out
    lines = dict(line.split(maxsplit=1) for line in text.splitlines()[-9:])
    assert lines["network"] == "YOLOv3"
    parameters = sum(parameter.numel() for parameter in YOLOv3(2, width=0.1).parameters())
    assert lines["parameters"] == f"{parameters:,}"
    assert lines["image"] == "size  64 x 96 (height x width), letterbox default"
    assert lines["classes"] == "2: cat, dog"
    assert "stride 8    anchors 10 x 13  16 x 30  33 x 23" in text
    assert lines["AP50"] == "0.5123"
    assert "ScalePrediction-281" in text
    assert f"Total params: {parameters:,}" in text
    assert "[-1, 3, 8, 12, 7]" in text


def test_the_table_can_be_left_out_and_the_size_chosen(run, capsys):
    assert main(["info", str(run), "--layers", "false", "--image-size", "128"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("network     YOLOv3\n")
    assert "128 x 128" in text


def test_operations_of_the_published_network():
    """65.86 GFLOP: a multiplication and its addition are two. Origin: Darknet prints the same for its yolov3.cfg."""
    with torch.device("meta"):
        detector = YOLOv3(80, conv_set_depth=5)
    assert giga_flop(detector, (3, 416, 416)) == pytest.approx(65.86, abs=0.005)


def test_info_of_a_darknet_network(shared, capsys):
    assert main(["info", str(shared / "weights/yoloface-50k.cfg")]) == 0
    text = capsys.readouterr().out
    assert "network     Darknet" in text
    assert "image size  56 x 56 (height x width), letterbox darknet" in text


def test_a_size_that_does_not_fit_is_refused(run, capsys):
    assert main(["info", str(run), "--image-size", "100"]) == 2
    assert "image size 100 x 100 is not a multiple of 32" in capsys.readouterr().err
