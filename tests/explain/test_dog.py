"""The numbers that the pages tell of `dog.jpg` are those of the published yolov3-tiny."""

import re
from pathlib import Path

import pytest

from yolo3.cli import main

_DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def said(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What `yolo3 explain` prints of it."""
    words = ["explain", "yolov3-tiny.cfg", str(shared / "images/dog.jpg"), "--why", "cat", "--precision", "fp32"]
    weights = str(shared / "weights/yolov3-tiny.weights")
    assert main([*words, "--weights", weights, "--output", str(tmp_path / "page.html")]) == 0
    return capsys.readouterr().out


def test_the_page_about_the_cat_shows_what_the_command_prints(said: str) -> None:
    (block,) = re.findall(
        r"```console\n\$ yolo3 explain .*--why cat --precision fp32\n(.*?)```", _page("explain"), re.S
    )
    shown, printed = ([line.rstrip() for line in text.strip().splitlines()] for text in (block, said))
    assert shown[0].partition(": ")[2] == printed[0].partition(": ")[2]  # after the names of image and model
    assert shown[1:] == printed[1 : len(shown)]


def test_the_course_tells_the_same_numbers(said: str) -> None:
    assert "0.011 = objectness 0.032 x P(cat) 0.338" in said
    for number in ("0.338", "0.032", "0.011"):
        assert number in _page("learn/decoding")


def test_what_the_dog_drops_is_in_the_chapter_about_nms(shared: Path) -> None:
    from yolo3 import Darknet, Predictor, load_darknet_weights
    from yolo3.explain import explain_prediction

    network = Darknet("yolov3-tiny")
    load_darknet_weights(network, shared / "weights/yolov3-tiny.weights")
    predictor = Predictor(network, precision="fp32", letterbox="darknet")
    found = explain_prediction(predictor, shared / "images/dog.jpg").detections
    (dog,) = (each for each in found if each.prediction.of_class.label == 16)
    rows = [(f"{dog.prediction.of_class.score:.3f}", "")]
    rows += [(f"{each.prediction.of_class.score:.3f}", f"{each.iou:.2f}") for each in dog.dropped]
    table = _page("learn/nms").split("finds the dog three times")[1].split("NMS has no weights")[0]
    told = re.findall(r"\| (0\.\d+) \| ?([\d.]*) ?\|", table)
    assert told == rows


def _page(name: str) -> str:
    return (_DOCS / f"{name}.md").read_text(encoding="utf-8")
