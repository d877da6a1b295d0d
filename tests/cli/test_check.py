import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.cli import main


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A sound YOLO data set of three images."""
    folder = tmp_path / "pets"
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for index in range(3):
        pixels = np.random.default_rng(index).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"images/{index}.png")
        (folder / f"labels/{index}.txt").write_text("0 0.5 0.5 0.5 0.4\n")
    (folder / "data.yaml").write_text("train: images\nnames: [cat]\n")
    return folder


def test_a_sound_set_exits_with_0(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(data), "--image-size", "64"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{data} (yolo): 3 images")
    assert out.endswith("ready for training (1 info)\n")
    assert err == ""
    assert [path.name for path in data.parent.iterdir()] == ["pets"]


def test_a_faulty_set_exits_with_1(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "labels/1.txt").write_text("\n1 0.5 0.5 0.5 0.5\n")
    assert main(["check", str(data), "--image-size", "[64, 96]", "--format", "yolo"]) == 1
    assert f"{data}/labels/1.txt:2: class 1 is not in 0..0" in capsys.readouterr().out


def test_reports_are_left(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "images/2.png").write_bytes(b"")
    output = tmp_path / "report"
    words = ["check", str(data), "--output", str(output)]
    assert main(words) == 1
    assert sorted(path.name for path in output.iterdir()) == ["config.yaml", "report.html", "report.json"]
    assert json.loads((output / "report.json").read_text())["has_errors"] is True
    assert "not ready for training" in (output / "report.html").read_text()
    assert main(words) == 2
    assert "exists; name another with --output" in capsys.readouterr().err
    assert main(["check", "--config", str(output / "config.yaml"), "--overwrite"]) == 1


def test_wrong_usage_exits_with_2(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        (["nowhere"], "nowhere: no such data set"),
        ([str(data), "--image-size", "100"], "image size 100 x 100 is not a multiple of 32"),
        ([str(data / "images")], "no known format"),
    ):
        assert main(["check", *words]) == 2
        assert message in capsys.readouterr().err


def test_fewer_places(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(data / "labels")
    (data / "labels").mkdir()
    for index in range(3):
        (data / f"labels/{index}.txt").write_text("0 1.5 0.5 0.5 0.5\n" * 2)
    assert main(["check", str(data), "--most", "1"]) == 1
    assert "… and 5 more" in capsys.readouterr().out
