from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3 import Darknet, save_darknet_weights
from yolo3.cli import main
from yolo3.cli.model import open_model


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_stage_cfg: Callable[..., str]) -> Path:
    """The current folder, with net.cfg, the weights of its first layer, whole ones, an image and a data set."""
    monkeypatch.chdir(tmp_path)
    Path("net.cfg").write_text(one_stage_cfg((32, 32), stride=8, anchors=(2,), num_classes=2))
    save_darknet_weights(Darknet("net.cfg"), "first.weights", layers=1)
    save_darknet_weights(Darknet("net.cfg"), "whole.weights")
    Path("images").mkdir()
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save("images/black.png")
    return tmp_path


COMMANDS = {
    "detect": ["net.cfg", "images"],
    "evaluate": ["net.cfg", "images"],
    "serve": ["net.cfg"],
    "export": ["net.cfg"],
    "convert": ["net.cfg", "run"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_part_of_the_weights_is_no_detector(scene: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(scene.rglob("*"))
    assert main([command, *COMMANDS[command], "--weights", "first.weights"]) == 2
    assert capsys.readouterr().err == (
        f"yolo3 {command}: error: first.weights fills 1 of 2 layers of net.cfg, and the rest would be random: it is "
        "for yolo3 train to start from; name the weights of a whole detector\n"
    )
    assert sorted(scene.rglob("*")) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_weights_that_are_not_finite(scene: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("whole.weights").open("r+b") as file:
        file.seek(20 + 4 * 40)
        file.write(np.float32("nan").tobytes())
    assert main([command, *COMMANDS[command], "--weights", "whole.weights"]) == 2
    told = capsys.readouterr().err
    assert "whole.weights: 1 of 374 numbers are not finite, first in layer 0;" in told
    assert told.count("\n") == 1


def test_a_whole_file_is(scene: Path) -> None:
    detector, card = open_model(Path("net.cfg"), Path("whole.weights"))
    assert isinstance(detector, Darknet)
    assert card.image_size == (32, 32)
