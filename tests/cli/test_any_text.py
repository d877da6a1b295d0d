import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from yolo3.cli import main
from yolo3.cli.any_text import any_text
from yolo3.darknet import Darknet, save_darknet_weights
from yolo3.data import open_dataset, write_dataset
from yolo3.data.shapes import write_shapes


def _old_terminal(monkeypatch: pytest.MonkeyPatch) -> tuple[io.BytesIO, io.BytesIO]:
    """What arrives at standard output and error, which have an old encoding of Windows and refuse the rest."""
    arrived = io.BytesIO(), io.BytesIO()
    for name, stream in zip(("stdout", "stderr"), arrived, strict=True):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, "cp1252", errors="strict", write_through=True))
    return arrived


@pytest.mark.slow
def test_every_command_gets_by_with_names_that_the_terminal_cannot_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_stage_cfg: Callable[..., str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = Path("данные" + os.fsdecode(b"\xff"))  # in another script, and with a byte that is no UTF-8
    try:
        data.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    write_shapes(data / "voc", num_train=4, num_test=4, image_size=(64, 64))
    splits = {name: open_dataset(data / "voc", name) for name in ("train", "test")}
    write_dataset(splits, data / "yolo", "yolo")
    first = splits["train"].path(0)
    os.symlink(first.absolute(), data / os.fsdecode(b"\xfe.jpg"))
    Path("net.cfg").write_text(one_stage_cfg((32, 32), stride=32))
    save_darknet_weights(Darknet("net.cfg"), data / "net.weights")
    small = "--width 0.125 --image-size 64 --epochs 1 --batch-size 4 --num-workers 0"
    commands = (
        "check DATA/voc --output DATA/report",
        "check DATA/yolo",
        "anchors DATA/voc --starts 1 --per-scale 1",
        "show DATA/yolo --count 1 --image-size 64 --output DATA/sheet.png",
        f"train DATA/voc {small} --output run",
        "evaluate run --output DATA/measured",
        "detect run DATA --min-score 0 --max-detections 2 --formats images,json,jsonl,csv,coco,yolo,crops "
        "--output DATA/found",
        "convert-data DATA/voc DATA/coco --to coco",
        "info run --layers false",
        "export net.cfg --weights DATA/net.weights --kind logits --output модель.onnx",
        "convert net.cfg DATA/net --weights DATA/net.weights",
    )
    terminal = _old_terminal(monkeypatch)
    codes = {command: main(command.replace("DATA", str(data)).split()) for command in commands}
    said, complained = (stream.getvalue().decode("cp1252") for stream in terminal)
    assert codes == dict.fromkeys(commands, 0), complained
    assert r"\u0434\u0430\u043d\u043d\u044b\u0435\udcff" in said
    assert sys.stdout.errors == "strict"  # again


def test_so_does_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _, complained = _old_terminal(monkeypatch)
    assert main(["check", "нет"]) == 2
    assert complained.getvalue().startswith(rb"yolo3 check: error: \u043d\u0435\u0442: no such data set")


def test_closed_streams_take_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has None for a stream that the shell has closed, as in ``yolo3 info MODEL >&-``."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with any_text():
        print("words", file=sys.stdout)
        print("words", file=sys.stderr)
        assert not sys.stdout.isatty()
    assert sys.stdout is None
    assert main(["--version"]) == 0


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["check", "voc"]])
def test_nobody_need_read_to_the_end(tmp_path: Path, words: list[str]) -> None:
    """As in ``yolo3 check voc | head``."""
    write_shapes(tmp_path / "voc", num_train=12, num_test=12, image_size=(64, 64))
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "yolo3", *words]
    ended = subprocess.run(command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, "")
