import json
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import yaml
from PIL import Image

from yolo3.cli import main
from yolo3.cli.export import _real_images
from yolo3.darknet import Darknet, save_darknet_weights
from yolo3.data import open_dataset
from yolo3.data.shapes import write_shapes
from yolo3.predictor import Predictor
from yolo3.runtime import read_exported

_EXAMPLE = Path(__file__).parents[2] / "examples/detect_onnx.py"


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_cfg: Callable[..., str]) -> Darknet:
    """A small one; the current folder has its files ``net.cfg``, ``net.weights`` and ``net.names``."""
    monkeypatch.chdir(tmp_path)
    Path("net.cfg").write_text(small_cfg(num_classes=2))
    Path("net.names").write_text("cat\ndog\n")
    network = Darknet("net.cfg")
    save_darknet_weights(network, "net.weights")
    return network


def _export(*words: str) -> int:
    return main(["export", "net.cfg", "--weights", "net.weights", *words])


def test_the_exported_file_finds_what_the_predictor_finds(network, capsys, monkeypatch):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8))
    image.save("image.png")  # fits the input unscaled, so that all see the same pixels
    words = ["--names", "net.names", "--output", "out/model.onnx", "--min-score", "0.005", "--dynamic-size=false"]
    assert _export(*words, "--images", "image.png") == 0
    *differences, last = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in differences] == ["boxes", "scores", "detections"]
    assert all(float(line.split()[5]) < 1e-4 for line in differences)
    assert last == "out/model.onnx: 0.0 MB, detections, 64 x 64, letterbox darknet"

    assert "images 1 x 3 x 64 x 64" in read_exported("out/model.onnx").verified["inputs"]
    (expected,) = Predictor(network, ("cat", "dog"), precision="fp32", letterbox="darknet", min_score=0.005)(image)
    assert len(expected) > 3

    example = runpy.run_path(str(_EXAMPLE))
    found = [item for item in example["detect"]("out/model.onnx", "image.png") if _has_area(item[2])]
    assert [name for name, _, _ in found] == expected.names
    np.testing.assert_allclose([score for _, score, _ in found], expected.scores, rtol=1e-4)
    np.testing.assert_allclose([box for _, _, box in found], expected.boxes, atol=1e-3)

    monkeypatch.setattr(sys, "argv", ["detect_onnx.py", "out/model.onnx", "image.png"])
    runpy.run_path(str(_EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out.startswith(f"{expected.names[0]} {expected.scores[0]:.2f} ")

    capsys.readouterr()
    settings = ["--precision", "fp32", "--min-score", "0.005", "--formats", "json", "--output", "found"]
    for backend in ([], ["--backend", "openvino"]):
        assert main(["detect", "out/model.onnx", "image.png", *settings, *backend, "--overwrite"]) == 0
        (content,) = json.loads(Path("found/detections.json").read_text())
        assert [item["name"] for item in content["detections"]] == expected.names
    assert main(["detect", "out/model.onnx", "image.png", "--image-size", "96", "--output", "other"]) == 2
    assert "out/model.onnx takes images of 64 x 64 only, not 96 x 96" in capsys.readouterr().err
    assert main(["info", "out/model.onnx"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("network     an ONNX file, written by yolo3")
    assert "2: cat, dog" in told


def test_detecting_with_windows_and_more_looks(network):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (150, 100, 3), dtype=np.uint8)).save("image.png")
    words = ["detect", "net.cfg", "image.png", "--weights", "net.weights", "--precision", "fp32", "--overwrite"]
    words += ["--formats", "json", "--min-score", "0.003", "--max-detections", "1000", "--output", "found"]
    counts = []
    for more in ([], ["--augment"], ["--tile", "64", "--tile-overlap", "0.3"]):
        assert main([*words, *more]) == 0
        (content,) = json.loads(Path("found/detections.json").read_text())
        counts.append(len(content["detections"]))
    assert 0 < counts[0] < counts[1]
    assert counts[0] < counts[2]
    assert main([*words, "--tile", "8"]) == 2


def _has_area(box: list[float]) -> bool:
    return box[2] > box[0] and box[3] > box[1]


def test_a_program(network, capsys):
    assert _export("--output", "model.pt2", "--kind", "logits", "--dynamic-size=false") == 0
    note, differences, _last = capsys.readouterr().out.splitlines()
    assert note.startswith("compared on noise and drawings alone; name some of your images with --images")
    assert differences.startswith("logits_0 ")
    images = torch.rand(3, 3, 64, 64)
    found = torch.export.load("model.pt2").module()(images)
    torch.testing.assert_close(found["logits_0"], network.eval()(images)[0], rtol=1e-5, atol=1e-5)


def test_a_run_is_compared_on_the_images_it_was_measured_on(tmp_path):
    write_shapes(tmp_path / "shapes", num_train=2, num_test=3)
    run = tmp_path / "run"
    run.mkdir()
    assert _real_images(run, None, 3) == []
    settings = {"data": str(tmp_path / "shapes"), "format": None, "train_split": "train", "val_split": "test"}
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    held_out = open_dataset(tmp_path / "shapes", "test")
    assert _real_images(run, None, 3) == [str(held_out.path(0)), str(held_out.path(1))]
    assert len(_real_images(run, held_out.path(0), 3)) == 1
    shutil.rmtree(tmp_path / "shapes")
    assert _real_images(run, None, 3) == []


def test_a_file_that_exists_is_spared(network, capsys):
    Path("model.onnx").write_text("mine")
    assert _export() == 2
    assert "output model.onnx exists; name another with --output, or pass --overwrite" in capsys.readouterr().err
    assert Path("model.onnx").read_text() == "mine"
    assert _export("--overwrite", "--kind", "decoded", "--dynamic-size=false") == 0
    assert [output.name for output in onnx.load("model.onnx").graph.output] == ["boxes", "scores"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["net.cfg"], "net.cfg is a network without its weights; add --weights FILE"),
        (["yolov3", "--output", "model.trt"], "output model.trt ends in neither .onnx nor .pt2"),
        (
            ["yolov3", "--output", "model.pt2"],
            "a .pt2 file cannot hold detections; add --kind decoded",
        ),
        (["model.onnx"], "model.onnx is exported already; name the checkpoint it came from"),
        (["run", "--kind", "boxes"], "--kind: 'boxes' is not one of logits, decoded, detections"),
    ],
)
def test_mistakes_are_one_line(network, capsys, words, message):
    assert main(["export", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("yolo3 export: error: ")
    assert message in error
    assert error.count("\n") == 1


def test_without_the_extra(network, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert _export() == 2
    assert capsys.readouterr().err == (
        'yolo3 export: error: ONNX files need onnxruntime: pip install "yolo3-torch[export]"\n'
    )
