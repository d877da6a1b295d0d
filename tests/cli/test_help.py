import re
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Literal

import pytest

from yolo3 import __version__
from yolo3.cli import COMMANDS, main, synonyms
from yolo3.cli.arguments import option_kinds, parse_arguments
from yolo3.cli.options import call, defaults, flat
from yolo3.cli.signals import Terminated
from yolo3.system.hardware import InferenceHardware


def sketch(
    model: Path, source: list[str], *, image_size: int | tuple[int, int] | None = None, fast: bool = False
) -> None:
    """Do a thing.

    Args:
        model: What to use.
        source: What to use it on.
        image_size: How large.
        fast: Hurry.
    """


def _parsed(*words: str) -> dict[str, object]:
    return parse_arguments(sketch, words)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command(capsys, arguments):
    assert main(arguments) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert listed == [name for name, _ in COMMANDS]


@pytest.mark.parametrize("command", [name for name, _ in COMMANDS])
def test_every_command_explains_its_options(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: yolo3 {command} ")
    assert "--config" in text
    assert "_" not in " ".join(word for word in text.split() if word.startswith("--"))


@pytest.mark.parametrize("words", [["--help"], ["detect", "--help"]])
def test_help_does_not_wait_for_torch(words):
    program = (
        "import atexit, sys, yolo3.cli\n"
        "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
        f"yolo3.cli.main({words})"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ended.stdout.startswith("usage: yolo3 ")
    assert ended.stderr == "False\n"


def test_the_process_runs_its_own_arguments(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["yolo3"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("usage: yolo3 COMMAND")


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"yolo3 {__version__}\n"


def test_an_unknown_command_gets_a_suggestion(capsys):
    assert main(["detct"]) == 2
    assert capsys.readouterr().err == "yolo3: error: no command 'detct'; did you mean detect?\n"
    assert main(["predict"]) == 2
    assert capsys.readouterr().err == "yolo3: error: no command 'predict'; did you mean detect?\n"
    assert main(["xyz"]) == 2
    assert f"no command 'xyz'; choose from {COMMANDS[0][0]}, {COMMANDS[1][0]}, " in capsys.readouterr().err


def test_ctrl_c_exits_with_130(capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("yolo3.cli.parse_arguments", interrupted)
    assert main(["detect"]) == 130
    assert capsys.readouterr().err == "yolo3 detect: interrupted\n"


def test_another_signal_exits_as_the_shell_would_say(capsys, monkeypatch):
    def terminated(*_):
        raise Terminated(signal.SIGTERM)

    monkeypatch.setattr("yolo3.cli.parse_arguments", terminated)
    assert main(["detect"]) == 143
    assert capsys.readouterr().err == "yolo3 detect: terminated by SIGTERM\n"


def test_a_mistake_is_one_line(capsys):
    assert main(["detect", "nowhere", "nothing.jpg", "--precision", "fp3"]) == 2
    error = capsys.readouterr().err
    assert error == (
        "yolo3 detect: error: --precision: 'fp3' is not one of auto, fp32, bf16, fp16, int8 (see yolo3 detect --help)\n"
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("detect --score-threshold 0.5", "no option --score-threshold; did you mean --min-score?"),
        ("detect --conf 0.5", "no option --conf; did you mean --min-score?"),
        ("detect --iou-thres 0.5", "no option --iou-thres; did you mean --iou-threshold?"),
        ("train --imgsz 320", "no option --imgsz; did you mean --image-size?"),
        ("train --lr 0.1", "no option --lr; did you mean --learning-rate?"),
        ("train --workers 2", "no option --workers; did you mean --num-workers?"),
        ("train --pretrained a", "no option --pretrained; did you mean --weights?"),
        ("detect --checkpoint a", "no option --checkpoint; did you mean --weights?"),
        ("evaluate --iou-threshold 0.5", "no option --iou-threshold; did you mean --nms-iou?"),
        ("evaluate --val-split a", "no option --val-split; did you mean --split?"),
        ("detect a b -o out", "no option -o; did you mean --output?"),
        ("detect a b -Q", "no option -Q; options begin with two dashes"),
        ("convert-data a b", "required: --to, one of voc, coco, yolo, labelme, csv, parquet"),
        ("detect", "required: MODEL"),
    ],
)
def test_what_other_programs_call_it_leads_to_our_name(capsys, words, complaint):
    command = words.split()[0]
    assert main(words.split()) == 2
    assert capsys.readouterr().err == f"yolo3 {command}: error: {complaint} (see yolo3 {command} --help)\n"


def test_every_synonym_is_one():
    """It leads to an option, or a command, that there is."""
    options = {}
    for name, _ in COMMANDS:
        function = getattr(import_module(f"yolo3.cli.{name.replace('-', '_')}"), name.replace("-", "_"))
        options[name] = set(option_kinds(function))
    assert set(synonyms._OPTIONS) <= set().union(*options.values())
    assert set(synonyms.COMMANDS.values()) <= set(options)
    assert not set(synonyms.COMMANDS) & set(options)


def test_words_become_arguments():
    plain = {"image_size": None, "fast": False}
    assert _parsed("run", "a.jpg", "b, [c].jpg") == {"model": Path("run"), "source": ["a.jpg", "b, [c].jpg"], **plain}
    assert _parsed("--model", "run", "a.jpg") == {"model": Path("run"), "source": ["a.jpg"], **plain}
    assert _parsed("--source", "a.jpg", "run", "--source=b.jpg")["source"] == ["a.jpg", "b.jpg"]
    assert _parsed("run", "--", "--a.jpg")["source"] == ["--a.jpg"]


def test_options_stand_anywhere_with_dashes_or_underscores():
    assert _parsed("run", "--image-size", "416", "a.jpg", "--fast") == _parsed(
        "--fast", "true", "--image_size=416", "run", "a.jpg"
    )
    assert _parsed("run", "a.jpg", "--image-size=[320, 416]")["image_size"] == (320, 416)
    assert _parsed("run", "--fast", "a.jpg")["source"] == ["a.jpg"]
    assert _parsed("run", "--fast=false", "a.jpg")["fast"] is False
    assert _parsed("run", "--no-fast", "a.jpg") == _parsed("run", "--fast=false", "a.jpg")
    with pytest.raises(ValueError, match="no option --no-image-size"):
        _parsed("run", "a.jpg", "--no-image-size")


def _listing(source: list[str], *, formats: tuple[str, ...] = ("json",), classes: list[str] | None = None) -> None:
    """List things."""


@pytest.mark.parametrize(
    ("words", "formats", "classes"),
    [
        ([], ("json",), None),
        (["--formats", "csv"], ("csv",), None),
        (["--formats", "csv, json", "--classes=traffic light,2"], ("csv", "json"), ["traffic light", "2"]),
        (["--formats", "[csv, json]", "--classes", "dog", "--classes", "cat"], ("csv", "json"), ["dog", "cat"]),
    ],
)
def test_a_list_with_a_flag_is_one_word(words, formats, classes):
    assert parse_arguments(_listing, ["a, b.jpg", *words]) == {
        "source": ["a, b.jpg"],
        "formats": formats,
        "classes": classes,
    }


def test_lists_in_the_help(capsys):
    with pytest.raises(SystemExit):
        parse_arguments(_listing, ["--help"])
    text = capsys.readouterr().out
    assert "--source ...\n" in text
    assert "--formats ITEM,... " in text
    assert "[ITEM" not in text


def test_options_come_from_a_file_and_flags_overrule_it(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("model: run\nsource: [a.jpg]\nimage_size: [320, 416]\nfast: true\n")
    from_file = {"model": Path("run"), "source": ["a.jpg"], "image_size": (320, 416), "fast": True}
    assert _parsed("--config", str(file)) == from_file
    assert _parsed("--config", str(file), "--image-size", "608") == from_file | {"image_size": 608}


def test_a_configuration_can_be_printed(capsys):
    with pytest.raises(SystemExit):
        _parsed("run", "a.jpg", "--print_config")
    assert "image_size: null" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run"], r"^required: SOURCE \(see yolo3 sketch --help\)"),
        (["run", "a.jpg", "--image-siz", "3"], r"no option --image-siz; did you mean --image-size\?"),
        (["run", "a.jpg", "--quux"], r"no option --quux \(see yolo3 sketch --help\)"),
        (["run", "a.jpg", "--image-size"], r"--image-size needs a value"),
        (
            ["run", "a.jpg", "--image-size", "big"],
            r"^--image-size: 'big' is not a whole number or \[a whole number, a whole number\] \(see",
        ),
        (["--source=a.jpg", "run", "more"], r"one word too many: 'more'"),
        (["--config", "nowhere.yaml"], r"nowhere\.yaml"),
    ],
)
def test_what_a_command_does_not_understand_is_refused(words, message):
    with pytest.raises(ValueError, match=message):
        _parsed(*words)


def _choosing(
    *,
    loss: Literal["yolo", "focal"] | None = None,
    batch_size: int | Literal["auto"] = 16,
    formats: tuple[Literal["json", "csv"], ...] = ("json",),
    rate: float | None = None,
    fast: bool = False,
    split: str | None = None,
) -> None:
    """Choose things."""


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--loss", "mse"], "--loss: 'mse' is not one of yolo, focal"),
        (["--loss="], "--loss: '' is not one of yolo, focal"),
        (["--batch-size", "1.5"], "--batch-size: '1.5' is not a whole number or auto"),
        (["--formats", "csv,xml"], "--formats: 'xml' is not one of json, csv"),
        (["--rate", "1,5"], "--rate: '1,5' is not a number"),
        (["--fast=maybe"], "--fast: 'maybe' is not true or false"),
        (["--config", "/"], "--config: Path is not a file: '/'"),
    ],
)
def test_a_wrong_value_is_shown_beside_what_it_may_be(words, complaint):
    with pytest.raises(ValueError, match=re.escape(f"{complaint} (see yolo3 -choosing --help)")):
        parse_arguments(_choosing, words)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("batch_size: [1]", "--batch-size: '[1]' is not a whole number or auto"),
        ("formats: json", "--formats: 'json' is not a list"),
        ("split: 3", "--split: '3' is not text"),
        ("batch-size: 8", "no option batch-size; in a file it is batch_size"),
        ("batchsize: 8", "no option --batchsize; did you mean --batch-size?"),
    ],
)
def test_so_is_one_in_a_file(tmp_path, line, complaint):
    file = tmp_path / "run.yaml"
    file.write_text(line)
    with pytest.raises(ValueError, match=re.escape(f"{complaint} (see")):
        parse_arguments(_choosing, ["--config", str(file)])


def test_options_stand_in_groups(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    headings = re.findall(r"^(\w[\w ]*):$", capsys.readouterr().out, re.MULTILINE)
    assert headings == ["options", "data", "model", "network input", "schedule", "augmentation", "hardware", "output"]


def test_groups_are_flat_in_a_configuration_and_on_the_command_line(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("device: cuda\nbatch_size: 4\n", encoding="utf-8")
    options = parse_arguments(_grouped, ["a", "--config", str(file), "--batch-size", "2"])
    assert options == {"model": "a", "tile": None, "device": "cuda", "precision": "auto"} | {
        "batch_size": 2,
        "backend": None,
        "compile": False,
    }
    assert call(_grouped, **options) == 2
    assert flat({"model": "a", "hardware": InferenceHardware(batch_size=3)})["batch_size"] == 3
    assert defaults(_grouped)["batch_size"] == 8
    with pytest.raises(ValueError, match="no option --batchsize; did you mean --batch-size"):
        parse_arguments(_grouped, ["a", "--batchsize", "2"])
    with pytest.raises(ValueError, match="--precision: 'fp8' is not one of auto, fp32, bf16, fp16"):
        parse_arguments(_grouped, ["a", "--precision", "fp8"])


def _grouped(model: str, *, hardware: InferenceHardware, tile: int | None = None) -> int:
    """Do it.

    Args:
        model: Model.
        hardware: Hardware.
        tile: Size of a tile.
    """
    return hardware.batch_size if hardware.device == "cuda" else 0
