"""`yolo3 demo`, smaller than it comes."""

import json
from pathlib import Path

import pytest
from PIL import Image

from yolo3.cli import main


def test_leaves_a_data_set_a_checkpoint_and_a_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "demo"
    small = ["--num-train", "16", "--num-test", "4", "--image-size", "64", "--width", "0.125", "--epochs", "1"]

    assert main(["demo", "--output", str(output), *small]) == 0

    assert json.loads((output / "model" / "metrics.json").read_text())["num_images"] == 4
    assert (output / "model" / "losses.png").exists()
    with Image.open(output / "detections.png") as sheet:
        assert sheet.size == (3 * 128, 2 * 128)
    assert "what it finds in images it has never seen" in capsys.readouterr().out

    assert main(["demo", "--output", str(output), *small]) == 2
    assert "exists; name another with --output, or pass --overwrite" in capsys.readouterr().err
