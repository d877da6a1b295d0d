"""`yolo3 explain` on real files."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3 import YOLOv3, save_checkpoint
from yolo3.checkpoint import ModelCard
from yolo3.cli import main

_LABELS = "1 0.45 0.48 0.58 0.54\n16 0.286 0.66 0.23 0.55\n15 0.755 0.21 0.29 0.165\n"  # bicycle, dog, "cat"


@pytest.fixture
def dog(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of a command that explains dog.jpg with the published weights of yolov3-tiny."""
    monkeypatch.chdir(tmp_path)
    weights = shared / "weights/yolov3-tiny.weights"
    words = f"yolov3-tiny.cfg {shared / 'images/dog.jpg'} --weights {weights} --precision fp32"
    return ["explain", *words.split()]


def test_why_the_cat_is_not_found(dog: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dog.txt").write_text(_LABELS)
    assert main([*dog, "--why", "cat", "--truth", "dog.txt", "--output", "page"]) == 0
    printed = capsys.readouterr().out
    assert "why cat: below threshold. The highest score of cat is 0.011 = objectness 0.032 x P(cat) 0.338" in printed
    assert "at stride 32, row 9, column 3, anchor 0 (81 x 82)" in printed
    assert "2 of 3 objects found" in printed
    assert "2 cat: wrong class. Detected as car at IoU" in printed
    assert "page: page.html" in printed
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Why cat?" in page
    assert "Inside one prediction: dog.jpg" in page


def test_the_truth_of_a_data_set(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = shared / "data/bccd/JPEGImages/BloodImage_00000.jpg"
    names = ("WBC", "RBC", "Platelets")  # in another order than the data set's
    save_checkpoint(tmp_path / "run", YOLOv3(3, width=0.125), ModelCard(names, image_size=(96, 96)))
    words = ["explain", str(tmp_path / "run"), str(image), "--output", str(tmp_path / "page.html")]
    assert main([*words, "--truth", str(shared / "data/bccd")]) == 0
    printed = capsys.readouterr().out
    xml = (shared / "data/bccd/Annotations/BloodImage_00000.xml").read_text()
    for name in names:
        assert len(re.findall(rf"^  \d+ {name}: ", printed, re.MULTILINE)) == xml.count(f"<name>{name}</name>")
    assert main([*words, "--truth", str(shared / "data/fruits_coco")]) == 2
    capsys.readouterr()
    assert main([*words, "--truth", str(shared / "data/fruits_coco"), "--overwrite"]) == 2
    assert "has no image BloodImage_00000.jpg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--why", "zebu"], "no class is called 'zebu'; there are person, bicycle"),
        (["--truth", "nowhere.txt"], "nowhere.txt: no such data set"),
        (["--truth", "broken.txt"], "broken.txt:1: '16 0.5' is not class cx cy w h"),
        (["--truth", "pixels.txt"], "are these pixels?"),
        (["--truth", "unknown.txt"], "class 99 is not in 0..79"),
        (["--output", "taken.html"], "output taken.html exists; name another with --output, or pass --overwrite"),
        (["--backend", "onnxruntime"], "an exported model tells boxes and scores"),
        (["--classes", "unicorn"], "no class is called 'unicorn'"),
        (["--explain"], "no option --explain"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mistakes(
    dog: list[str], more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.txt").write_text("16 0.5\n")
    (tmp_path / "pixels.txt").write_text("16 200 300 100 100\n")
    (tmp_path / "unknown.txt").write_text("99 0.5 0.5 0.1 0.1\n")
    (tmp_path / "taken.html").write_text("mine")
    assert main([*dog, *more]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert (tmp_path / "taken.html").read_text() == "mine"


def test_an_image_is_needed_and_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_checkpoint(tmp_path / "run", YOLOv3(3, width=0.125), ModelCard(image_size=(64, 64)))
    assert main(["explain", str(tmp_path / "run")]) == 2
    assert "no image; name one after the model" in capsys.readouterr().err
    assert main(["explain", str(tmp_path / "run"), "absent.jpg"]) == 2
    assert "absent.jpg" in capsys.readouterr().err
    (tmp_path / "text.jpg").write_text("no image")
    assert main(["explain", str(tmp_path / "run"), str(tmp_path / "text.jpg")]) == 2
    assert "text.jpg" in capsys.readouterr().err


def test_two_images_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The path tells which is meant; without that it is asked for."""
    for folder in ("data/images/a", "data/images/b", "copy"):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(np.zeros((64, 64, 3), dtype=np.uint8)).save(tmp_path / folder / "one.png")
    (tmp_path / "data/data.yaml").write_text("path: .\ntrain: images\nnames: [cat]\n")
    for folder, lines in (("a", "0 .5 .5 .2 .2\n"), ("b", "0 .5 .5 .2 .2\n0 .2 .2 .2 .2\n")):
        (tmp_path / "data/labels" / folder).mkdir(parents=True)
        (tmp_path / "data/labels" / folder / "one.txt").write_text(lines)
    save_checkpoint(tmp_path / "run", YOLOv3(1, width=0.125), ModelCard(("cat",), image_size=(64, 64)))
    words = ["explain", str(tmp_path / "run"), "--truth", str(tmp_path / "data"), "--overwrite"]
    words += ["--output", str(tmp_path / "page.html")]
    assert main([*words, str(tmp_path / "data/images/b/one.png")]) == 0
    assert "of 2 objects found" in capsys.readouterr().out
    assert main([*words, str(tmp_path / "copy/one.png")]) == 2
    assert "name one of them as the image" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "data/images/a")
    assert main([*words, str(tmp_path / "copy/one.png")]) == 0
