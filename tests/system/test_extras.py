"""Without the extras, every command that needs one says so in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.data import open_dataset, write_dataset
from yolo3.data.shapes import write_shapes
from yolo3.models import YOLOv3

_OF_EXTRAS = (
    *("albumentations", "cv2", "lightning", "faster_coco_eval", "matplotlib", "tensorboard", "rich", "defusedxml"),
    *("onnx", "onnxscript", "onnxruntime", "openvino", "av", "fastapi", "fastapi_offline", "gradio", "uvicorn"),
    "huggingface_hub",
)
"""The modules that `pip install yolo3` alone does not bring, but for those of `docs` and `dev`."""


def _without_extras(folder: Path, *commands: str) -> list[tuple[int, str]]:
    """The exit code and standard error of each command, run in a process in which no extra is installed."""
    program = f"""
import contextlib, io, json, sys
sys.modules.update(dict.fromkeys({_OF_EXTRAS!r}))  # importing them fails, as if they were not there
from yolo3.cli import main
answers = []
for command in {commands!r}:
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
        code = main(command.split())
    answers.append((code, said.getvalue()))
print(json.dumps(answers))
"""
    import json

    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, check=True, capture_output=True, text=True)
    return [tuple(answer) for answer in json.loads(ended.stdout)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_shapes(tmp_path / "voc", num_train=6, num_test=2, image_size=(64, 64))
    splits = {name: open_dataset(tmp_path / "voc", name) for name in ("train", "test")}
    write_dataset(splits, tmp_path / "coco", "coco")
    save_checkpoint(tmp_path / "run", YOLOv3(3, width=0.125), ModelCard(splits["train"].names, image_size=(64, 64)))
    (tmp_path / "film.mp4").write_bytes(b"")
    return tmp_path


def test_every_command_names_the_extra(folder: Path) -> None:
    expected = {
        "check voc": ("Pascal VOC annotations need defusedxml", "train"),
        "anchors voc": ("Pascal VOC annotations need defusedxml", "train"),
        "anchors coco --starts 1 --per-scale 1 --strides [32] --output a.png": ("the chart needs matplotlib", "train"),
        "train coco": ("augmentation needs albumentations", "train"),
        "show coco": ("augmentation needs albumentations", "train"),
        "evaluate run coco": ("measuring needs faster_coco_eval", "train"),
        "detect run film.mp4": ("film.mp4: videos and cameras need PyAV", "video"),
        "detect run coco --backend openvino": ("backend openvino needs openvino", "openvino"),
        "serve run": ("serving needs fastapi", "serve"),
        "info hf://user/name": ("models on the Hugging Face Hub need huggingface_hub", "hub"),
        "push run user/name": ("models on the Hugging Face Hub need huggingface_hub", "hub"),
        "export run": ("ONNX files need onnx", "export"),
    }
    answers = _without_extras(folder, *expected)
    for (command, (need, extra)), (code, said) in zip(expected.items(), answers, strict=True):
        assert said == f'yolo3 {command.split()[0]}: error: {need}: pip install "yolo3[{extra}]"\n', command
        assert code == 2


def test_what_needs_no_extra_works_without_them(folder: Path) -> None:
    commands = ("check coco", "detect run coco --formats json,csv", "info run", "convert-data coco yolo --to yolo")
    assert _without_extras(folder, *commands) == [(0, "")] * len(commands)
