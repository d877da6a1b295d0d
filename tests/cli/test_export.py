import runpy
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from yolo3.cli import main
from yolo3.darknet import Darknet, save_darknet_weights
from yolo3.predictor import Predictor

_EXAMPLE = Path(__file__).parents[2] / "examples/detect_onnx.py"
_CFG = """
[net]
width=64
height=64
channels=3
[convolutional]
batch_normalize=1
filters=8
size=8
stride=8
activation=leaky
[convolutional]
size=2
stride=2
filters=14
activation=linear
[yolo]
mask=0,1
anchors=10,14, 30,20
classes=2
num=2
"""


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Darknet:
    """A small one; the current folder has its files ``net.cfg``, ``net.weights`` and ``net.names``."""
    monkeypatch.chdir(tmp_path)
    Path("net.cfg").write_text(_CFG)
    Path("net.names").write_text("cat\ndog\n")
    network = Darknet("net.cfg")
    save_darknet_weights(network, "net.weights")
    return network


def _export(*words: str) -> int:
    return main(["export", "net.cfg", "--weights", "net.weights", *words])


def test_the_exported_file_finds_what_the_predictor_finds(network, capsys, monkeypatch):
    words = ["--names", "net.names", "--output", "out/model.onnx", "--min-score", "0.005", "--dynamic-size=false"]
    assert _export(*words) == 0
    *differences, last = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in differences] == ["boxes", "scores", "detections"]
    assert all(float(line.split()[5]) < 1e-4 for line in differences)
    assert last == "out/model.onnx: 0.0 MB, detections, 64 x 64, letterbox darknet"

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8))
    picture.save("picture.png")  # fits the input unscaled, so that all see the same pixels
    (expected,) = Predictor(network, ("cat", "dog"), precision="fp32", min_score=0.005)(picture)
    assert len(expected) > 3

    example = runpy.run_path(str(_EXAMPLE))
    found = [item for item in example["detect"]("out/model.onnx", "picture.png") if _has_area(item[2])]
    assert [name for name, _, _ in found] == expected.names
    np.testing.assert_allclose([score for _, score, _ in found], expected.scores, rtol=1e-4)
    np.testing.assert_allclose([box for _, _, box in found], expected.boxes, atol=1e-3)

    monkeypatch.setattr(sys, "argv", ["detect_onnx.py", "out/model.onnx", "picture.png"])
    runpy.run_path(str(_EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out.startswith(f"{expected.names[0]} {expected.scores[0]:.2f} ")


def _has_area(box: list[float]) -> bool:
    return box[2] > box[0] and box[3] > box[1]


def test_a_program(network, capsys):
    assert _export("--output", "model.pt2", "--kind", "logits", "--dynamic-size=false") == 0
    assert capsys.readouterr().out.startswith("logits_0 ")
    images = torch.rand(3, 3, 64, 64)
    found = torch.export.load("model.pt2").module()(images)
    torch.testing.assert_close(found["logits_0"], network.eval()(images)[0], rtol=1e-5, atol=1e-5)


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
        (["run", "--output", "model.trt"], "output model.trt ends in neither .onnx nor .pt2"),
        (["run", "--output", "model.pt2"], "a .pt2 file cannot hold detections; add --kind decoded or --kind logits"),
        (["run", "--kind", "boxes"], "'logits', 'decoded', 'detections'"),
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
        "yolo3 export: error: ONNX files need onnxruntime: pip install 'yolo3[export]'\n"
    )
