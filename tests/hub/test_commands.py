"""Commands that open a checkpoint on the Hub."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

from yolo3 import YOLOv3, save_checkpoint
from yolo3.checkpoint import ModelCard
from yolo3.cli import main
from yolo3.data.shapes import write_shapes

_WRONG = "write hf://user/name or hf://user/name@revision"


@pytest.fixture
def folder(hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with an image; the checkpoint is on the Hub as user/bccd."""
    monkeypatch.chdir(tmp_path)
    hub.add(
        "user/bccd",
        {path.name: path.read_bytes() for path in run.iterdir() if path.suffix in (".json", ".safetensors")},
    )
    Image.new("RGB", (40, 30)).save("x.png")
    return tmp_path


def test_detect(folder: Path) -> None:
    assert main(["detect", "hf://user/bccd@main", "x.png", "--min-score", "0", "--formats", "json"]) == 0
    assert yaml.safe_load((folder / "runs/detect/config.yaml").read_text())["model"] == "hf://user/bccd@main"
    assert main(["detect", "--config", "runs/detect/config.yaml", "--output", "again"]) == 0


def test_the_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "hf://user/bccd", "--no-layers"]) == 0
    assert "2: RBC, WBC" in capsys.readouterr().out
    assert main(["export", "hf://user/bccd", "--output", "x.pt2", "--kind", "decoded"]) == 0


def test_train_from_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_shapes(folder / "shapes", num_train=4, num_test=2, image_size=(64, 64))
    words = ["--width", "0.125", "--image-size", "64", "--batch-size", "2", "--epochs", "1", "--num-workers", "0"]
    assert main(["train", "shapes", "--weights", "hf://user/bccd", *words]) == 0
    assert "starting from hf://user/bccd: " in capsys.readouterr().out


def test_evaluate_leaves_the_cache_alone(hub, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "hf://user/bccd"]) == 2
    assert capsys.readouterr().err == (
        "yolo3 evaluate: error: hf://user/bccd does not say what it was trained on; give the data set: yolo3 evaluate "
        "hf://user/bccd DATA\n"
    )
    write_shapes(folder / "shapes", num_train=1, num_test=2, image_size=(64, 64))
    card = ModelCard(("circle", "square", "triangle"), (64, 64))
    save_checkpoint("three", YOLOv3(3, width=0.125), card)
    hub.add("user/three", {path.name: path.read_bytes() for path in (folder / "three").iterdir()})
    assert main(["evaluate", "hf://user/three", "shapes"]) == 0
    assert (folder / "runs/evaluation/metrics.json").is_file()
    assert not list((folder / "cache").rglob("metrics.json"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["detect", "hf://x", "x.png"], _WRONG),
        (["info", "hf:user/bccd"], _WRONG),
        (["serve", "hf://user/bccd@"], _WRONG),
        (["train", "shapes", "--weights", "hf://x"], _WRONG),
        (["train", "shapes", "--model", "hf://user/bccd"], "is a checkpoint; to start from what it has learned"),
        (["detect", "hf://user/none", "x.png"], "hf://user/none: no such repository, or a private one"),
        (
            ["detect", "hf://user/bccd", "x.png", "--min-score", "best"],
            "a checkpoint on the Hub has none; give a number",
        ),
        (["detect", "hf://user/bccd", "x.png", "--weights", "x.png"], "the checkpoint hf://user/bccd has its own"),
        (["push", "hf://user/bccd", "user/other"], "hf://user/bccd is on the Hub already"),
        (["push", "x.png", "user/other"], "is an image and no model"),
        (["push", "runs/bccd", "other"], "'other' is no repository of the Hugging Face Hub; write it as user/name"),
        (["push", "runs/bccd", "user/other"], "writing to the Hub needs a token"),
    ],
)
def test_mistakes_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_push_and_detect_in_processes_of_their_own(hub, run: Path, folder: Path, token: str) -> None:
    """With the library's own variables, as a user has them."""
    program = "import sys; from yolo3.cli import main; [main(words.split()) for words in sys.argv[1:]]"
    words = ["push runs/bccd user/mine --license mit", "detect hf://user/mine x.png --min-score 0 --formats json"]
    variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_XET": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, **variables},
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    lines = ended.stdout.splitlines()
    assert lines[0].startswith(f"{hub.url}/user/mine/commit/")
    assert lines[1] == "to use it: yolo3 detect hf://user/mine IMAGE"
    assert lines[-1].endswith(": runs/detect")
    assert b"license: mit\n" in hub.repos["user/mine"]["main"]["README.md"]
