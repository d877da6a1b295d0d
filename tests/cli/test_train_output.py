"""Where `yolo3 train` and `yolo3 demo` leave their results, and what becomes of those that are there already."""

from pathlib import Path

import pytest
import yaml

from yolo3.cli import main
from yolo3.data.shapes import write_shapes
from yolo3.training import resuming

FAST = ["--model", "yolov3_compact", "--width", "0.125", "--image-size", "64", "--batch-size", "4", "--epochs", "1"]
FAST += ["--num-workers", "0", "--precision", "fp32"]


@pytest.fixture
def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A data set of 8 + 4 drawn images in the current folder."""
    write_shapes(tmp_path / "shapes", num_train=8, num_test=4, image_size=(64, 64))
    monkeypatch.chdir(tmp_path)
    return "shapes"


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("failing", [["--batch-size", "1", "--image-size", "32"], ["--learning-rate", "1e30"]])
def test_the_old_run_stays_when_the_new_one_fails(shapes, tmp_path, capsys, failing):
    """Before the first epoch is done there is nothing to put in its place."""
    (tmp_path / "good" / "last").mkdir(parents=True)
    for name in ("model.json", "last.ckpt", "last/model.json"):
        (tmp_path / "good" / name).write_text("worth keeping")
    before = _tree(tmp_path / "good")
    assert main(["train", shapes, *FAST, "--output", "good", "--overwrite", *failing]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert _tree(tmp_path / "good") == before


def test_a_new_run_takes_the_place_of_the_old_one(shapes, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/old").touch()
    assert main(["train", shapes, *FAST, "--output", "run", "--overwrite"]) == 0
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert "model.json" in names
    assert not names & {"old", ".replaced-"}


def test_runs_without_a_name_are_numbered_and_go_on_by_their_own(shapes, tmp_path, capsys):
    for name in ("runs/train", "runs/train-2"):
        assert main(["train", shapes, *FAST]) == 0
        assert f"{name}: the checkpoint (epoch" in capsys.readouterr().out
        assert yaml.safe_load((tmp_path / name / "config.yaml").read_text())["output"] == name
    assert main(["train", shapes, *FAST, "--resume"]) == 0  # the last of them, which is finished
    assert "runs/train-2: the checkpoint (epoch" in capsys.readouterr().out
    assert main(["train", shapes, *FAST, "--overwrite"]) == 0
    assert "runs/train: the checkpoint (epoch" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["train", "train-2"]


def test_of_two_runs_of_one_name_the_later_refuses(shapes, tmp_path, capsys, monkeypatch):
    """It sees no folder when it begins, and the other's when it would make one."""

    def another_begins(*_, **__):
        (tmp_path / "run").mkdir()
        (tmp_path / "run/last.ckpt").write_text("of the other")
        return 4

    monkeypatch.setattr("yolo3.cli.training_run.choose_batch_size", another_begins)
    assert main(["train", shapes, *FAST, "--output", "run", "--batch-size", "auto"]) == 2
    assert "output folder run exists" in capsys.readouterr().err
    assert _tree(tmp_path / "run") == {"last.ckpt": b"of the other"}


def test_a_run_that_was_to_replace_another_and_was_killed(shapes, tmp_path, capsys):
    (tmp_path / "run/.replaced-1").mkdir(parents=True)
    assert main(["train", shapes, "--output", "run", "--resume"]) == 2
    assert "run holds no last.ckpt to go on with (what was in it before is in run/.rep" in capsys.readouterr().err
    assert main(["train", shapes, *FAST, "--output", "run", "--overwrite"]) == 0
    assert resuming.RESUME_FILE in {path.name for path in (tmp_path / "run").iterdir()}
    (tmp_path / "run/.replaced-1").mkdir()
    assert main(["train", "--config", "run/config.yaml", "--resume"]) == 0
    assert not list((tmp_path / "run").glob(".replaced-*"))


def test_a_second_demo_works(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    drawn = []
    monkeypatch.setattr("yolo3.cli.demo._show_it_all", lambda folder, *_: drawn.append(folder))
    assert main(["demo"]) == 0
    assert main(["demo"]) == 0
    assert drawn == [Path("runs/demo"), Path("runs/demo-2")]
    assert "next: yolo3 detect runs/demo-2/model YOUR_IMAGES" in capsys.readouterr().out
