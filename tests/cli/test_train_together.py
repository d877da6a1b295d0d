"""`yolo3 train` as one of several processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from yolo3.cli import main
from yolo3.cli.training_run import leads, share_of_batch, usual_batch_size
from yolo3.data.shapes import write_shapes

_TWO = {"devices": 2, "num_nodes": 1}


@pytest.mark.parametrize(
    ("environment", "is_first"),
    [
        ({}, True),
        ({"LOCAL_RANK": "0", "NODE_RANK": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"LOCAL_RANK": "0", "RANK": "2"}, False),
        ({"SLURM_PROCID": "3"}, False),
        ({"NODE_RANK": "1"}, False),
    ],
)
def test_the_first_process_speaks(
    environment: dict[str, str], is_first: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # put back after the test

    assert leads(_TWO) is is_first

    print("a word")
    said, sys.stdout = sys.stdout, sys.__stdout__
    if not is_first:
        said.close()
    assert capsys.readouterr().out == ("a word\n" if is_first else "")
    assert leads({"devices": 1, "num_nodes": 1})  # whatever the environment says


def test_few_images_make_small_batches_in_one_process() -> None:
    assert [usual_batch_size(count, 1) for count in (1, 499, 500, 100_000)] == [4, 4, 16, 16]
    assert usual_batch_size(8, 4) == 16


def test_a_batch_is_shared_out_evenly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert share_of_batch(16, 1) == 16
    assert share_of_batch(16, 4) == 4
    with pytest.raises(ValueError, match="batch_size is 15; 2 processes can share a multiple of 2"):
        share_of_batch(15, 2)
    with pytest.raises(ValueError, match="batch_size auto is for one process; with 2 give a number"):
        share_of_batch("auto", 2)
    assert main(["train", str(tmp_path / "nothing"), "--devices", "2", "--batch-size", "15"]) == 2
    assert "batch_size is 15" in capsys.readouterr().err  # before anything is read
    assert main(["train", str(tmp_path), "--devices", "0", "--output", str(tmp_path / "run")]) == 2
    assert "devices is 0; it must be at least 1" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_leave_one_run(tmp_path: Path) -> None:
    write_shapes(tmp_path / "shapes", num_train=8, num_test=3, image_size=(64, 64))
    command = [sys.executable, "-m", "yolo3", "train", "shapes"]
    options = ["--width", "0.125", "--image-size", "64", "--batch-size", "4", "--epochs", "1", "--num-workers", "0"]

    ended = subprocess.run(
        [*command, *options, "--precision", "fp32", "--devices", "2", "--sync-batchnorm", "--output", "run"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("epoch   1/1") == ended.stdout.count("all classes") == 1
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"metrics.json", "results.csv", "losses.png", "config.yaml", "last", "last.ckpt"} <= names
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["global_step"] == 2


@pytest.mark.slow
def test_the_first_process_says_that_another_was_killed(tmp_path: Path) -> None:
    write_shapes(tmp_path / "shapes", num_train=8, num_test=3, image_size=(64, 64))
    options = ["--width", "0.125", "--image-size", "64", "--batch-size", "4", "--epochs", "500", "--num-workers", "0"]
    command = [sys.executable, "-m", "yolo3", "train", "shapes", *options, "--precision", "fp32", "--devices", "2"]
    training = subprocess.Popen(
        [*command, "--output", "run", "--validate-every", "500"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert training.stdout is not None
    for line in training.stdout:
        if line.startswith("epoch   1/500"):
            break
    children = Path(f"/proc/{training.pid}/task/{training.pid}/children")
    if not children.exists():
        training.kill()
        pytest.skip("this system does not tell which processes another has started")

    for child in children.read_text().split():
        os.kill(int(child), signal.SIGKILL)
    _, said = training.communicate(timeout=120)

    assert training.returncode != 0
    assert "process 1 of this training (pid " in said
    assert "was killed by SIGKILL" in said
