"""What `yolo3 detect` has found is kept, whatever ends it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from yolo3.cli import main
from yolo3.predictor import Predictor
from yolo3.sources import find_frames
from yolo3.structures import Detections

_SMALL = ["--formats", "jsonl,crops", "--min-score", "0", "--max-detections", "1", "--output", "out"]


def _images(folder: Path, names: list[str]) -> None:
    for name in names:
        Image.effect_noise((80, 60), 50).convert("RGB").save(folder / name)


def _lines(folder: Path) -> list[str]:
    return [Path(json.loads(line)["image"]).name for line in (folder / "detections.jsonl").read_text().splitlines()]


def test_a_crop_whose_name_is_too_long(scene, capsys):
    """A file name may have 255 bytes; that of its crop has two more."""
    long = f"060{'x' * 248}.png"
    names = [*(f"{number:03}.png" for number in range(60)), long, *(f"{number:03}.png" for number in range(61, 121))]
    (scene / "many").mkdir()
    _images(scene / "many", names)
    assert main(["detect", "run", "many", *_SMALL]) == 2
    error = capsys.readouterr().err
    assert error.startswith("yolo3 detect: error: [Errno 36] File name too long: 'out/crops/")
    assert error.count("\n") == 1
    lines = _lines(scene / "out")
    assert lines == sorted(names)[: len(lines)]
    assert 60 < len(lines) < 121
    assert f"; kept what was found until then, {len(lines)} objects in {len(lines)} images: out\n" in error
    crops = {path.name for path in (scene / "out/crops").rglob("*.jpg")}
    assert {f"{number:03}-1.jpg" for number in range(60)} <= crops
    assert {path.name for path in scene.iterdir()} == {"many", "out", "images", "run"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("out of memory")])
def test_a_writer_that_fails_at_its_end(scene, capsys, monkeypatch, error):
    from contextlib import contextmanager

    @contextmanager
    def full(folder):
        yield lambda frame, found: None
        raise error

    monkeypatch.setattr("yolo3.cli.results.crops", full)
    if isinstance(error, OSError):
        assert main(["detect", "run", "images", *_SMALL]) == 2
        assert "out cannot be written (No space left on device); kept what was found" in capsys.readouterr().err
    else:
        with pytest.raises(RuntimeError, match="out of memory"):
            main(["detect", "run", "images", *_SMALL])
        assert capsys.readouterr().out.endswith("3 objects in 3 images: out\n")
    assert _lines(scene / "out") == ["a.jpg", "b.png", "c.bmp"]


@pytest.mark.parametrize("formats", ["jsonl", "json", "parts"])
def test_a_full_disk_is_told_in_one_line(scene, capsys, formats):
    """A limit of the size of files stands for it; a line here has more than 1,000 bytes."""
    resource = pytest.importorskip("resource")
    (scene / "many").mkdir()
    _images(scene / "many", [f"{number:03}.png" for number in range(10)])
    words = ["--min-score", "0", "--max-detections", "20", "--output", "out"]
    words += ["--part-size", "5"] if formats == "parts" else ["--formats", formats]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    try:
        code = main(["detect", "run", "many", *words])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    place = "out/part-000000.jsonl" if formats == "parts" else "out"
    assert error.startswith(f"yolo3 detect: error: {place} cannot be written (File too large)")
    if formats == "parts":
        assert not (scene / "out").exists()
    else:
        text = (scene / f"out/detections.{formats}").read_text()
        kept = len(json.loads(text) if formats == "json" else text.splitlines())
        assert 1 <= kept < 10
        assert f"; kept what was found until then, {20 * kept} objects in {kept} images: out\n" in error


def test_two_runs_of_one_name(scene, capsys, monkeypatch):
    """The other one ends while this one is at work; the results of both are there."""

    def the_other_ends(self, source):
        (scene / "out").mkdir()
        (scene / "out/detections.jsonl").write_text("of the other")
        for frame in find_frames(source):
            frame.pixels()
            yield frame, Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))

    monkeypatch.setattr(Predictor, "outcomes", the_other_ends)
    assert main(["detect", "run", "images", *_SMALL]) == 2
    error = capsys.readouterr().err
    assert error.startswith("yolo3 detect: error: cannot put the results into out (another run has put something there")
    assert (scene / "out/detections.jsonl").read_text() == "of the other"
    assert _lines(scene / error.strip().rpartition(" ")[2]) == ["a.jpg", "b.png", "c.bmp"]


def test_runs_without_a_name_are_numbered(scene, capsys):
    for name in ("runs/detect", "runs/detect-2", "runs/detect-3"):
        assert main(["detect", "run", "images/a.jpg", "--formats", "json"]) == 0
        assert capsys.readouterr().out.splitlines()[-1].endswith(f": {name}")
        assert (scene / name / "detections.json").exists()
    assert main(["detect", "run", "images/b.png", "--formats", "json", "--overwrite"]) == 0
    assert "images/b.png" in (scene / "runs/detect/detections.json").read_text()


@pytest.fixture
def many(scene) -> Path:
    (scene / "many").mkdir()
    _images(scene / "many", [f"{number:04}.png" for number in range(1500)])
    return scene


def _started(many: Path, *words: str, **streams: int) -> subprocess.Popen:
    command = [sys.executable, "-u", "-m", "yolo3", "detect", "run", "many", *_SMALL, *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=many, env=environment, text=True, stderr=subprocess.PIPE, **streams)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_polite_signal_ends_it_as_ctrl_c_does(many, number):
    with _started(many, stdout=subprocess.PIPE) as process:
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(number)
        output, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (128 + number, f"yolo3 detect: terminated by {number.name}\n")
    lines = _lines(many / "out")
    assert output.splitlines()[-1] == f"{len(lines)} objects in {len(lines)} images: out"
    assert 19 <= len(lines) < 1500
    assert lines == [f"{number:04}.png" for number in range(len(lines))]
    assert {path.name for path in many.iterdir()} == {"many", "out", "images", "run"}


def test_it_goes_on_when_nobody_reads_what_it_prints(many):
    """As in ``yolo3 detect … | head``."""
    with _started(many, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()
        assert process.wait(timeout=120) == 0
    assert error == ""
    assert len(_lines(many / "out")) == 1500


def test_it_goes_on_when_the_terminal_is_closed(many):
    """Which sends SIGHUP, and every further line is an error."""
    ours, theirs = os.openpty()
    with _started(many, stdout=theirs) as process:
        os.close(theirs)
        os.read(ours, 10)
        os.close(ours)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
    assert 0 < len(_lines(many / "out")) < 1500
