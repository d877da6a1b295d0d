"""Weighted shortcuts: as the C program reads and uses them, and as the PyTorch programs that introduced them do."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from yolo3.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from yolo3.checkpoint.architecture import build, describe
from yolo3.darknet import Darknet, DarknetError, load_darknet_weights, save_darknet_weights

CONVOLUTION = "\n[convolutional]\nfilters={}\nsize={}\nstride={}\npad=1\nactivation={}\n"
SHORTCUT = "\n[shortcut]\nfrom={}\nweights_type={}\n{}={}\nactivation={}\n"
CFG = (
    "[net]\nwidth=8\nheight=8\nchannels=3\n"
    + CONVOLUTION.format(4, 3, 1, "linear")
    + CONVOLUTION.format(6, 1, 1, "leaky")
    + CONVOLUTION.format(4, 1, 1, "linear")
    + SHORTCUT.format("-2,-3", "per_feature", "weights_normalization", "relu", "leaky")
    + CONVOLUTION.format(5, 1, 1, "linear")
    + SHORTCUT.format("0", "per_channel", "weights_normalizion", "softmax", "linear")
    + SHORTCUT.format("2,1", "per_channel", "weights_normalization", "avg_relu", "linear")
    + CONVOLUTION.format(6, 1, 8, "linear")
    + "\n[yolo]\nmask=0\nanchors=4,4\nclasses=1\nnum=1\n"
)
FLOATS = [112, 30, 28, 3, 25, 10, 15, 36]
SUMS = [634.596150, 1287.366310, 1110.794512, 959.359815, 1551.459852, 1092.812026, 920.859818, 12.342189]
"""Of each layer's outputs in AlexeyAB's Darknet (commit 59596d78), for weights and image from the formulas below."""
OUTPUT = [0.760543, 6.608687, -1.624764, 2.371921, 7.069337, -2.843535]
"""Of the last convolution: x, y, w, h, objectness, class."""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    numbers = 0.2 + 0.9 * np.sin(1.7 * np.arange(sum(FLOATS)))
    (tmp_path / "w").write_bytes(struct.pack("<3iQ", 0, 2, 5, 0) + numbers.astype("<f4").tobytes())
    return tmp_path / "w"


def _image() -> torch.Tensor:
    return (0.5 + 0.5 * torch.sin(0.37 * torch.arange(192, dtype=torch.float64))).float().view(1, 3, 8, 8)


def test_every_layer_is_that_of_the_c_program(weights: Path) -> None:
    network = Darknet(CFG).eval()
    loaded = load_darknet_weights(network, weights)
    assert (loaded.layers, loaded.floats) == (8, sum(FLOATS))
    sums: list[float] = []
    for layer in network.layers[:8]:
        layer.register_forward_hook(lambda module, inputs, output: sums.append(output.double().sum().item()))
    with torch.no_grad():
        (prediction,) = network(_image())
    assert sums == pytest.approx(SUMS, rel=1e-5)
    objectness, x, y, w, h, class_0 = prediction.flatten().tolist()
    assert [x, y, w, h, objectness, class_0] == pytest.approx(OUTPUT, abs=2e-5)


def test_a_file_holds_them(weights: Path, tmp_path: Path) -> None:
    network = Darknet(CFG)
    load_darknet_weights(network, weights)
    save_darknet_weights(network, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == weights.read_bytes()


def test_the_form_of_the_pytorch_programs_has_no_place_for_them(weights: Path, tmp_path: Path) -> None:
    network = Darknet(CFG, shortcut_weights="sigmoid")
    assert network.layers[3].factors.flatten().tolist() == pytest.approx([1 / 3] * 3)  # σ(0)·2/3
    save_darknet_weights(network, tmp_path / "w2")
    assert (tmp_path / "w2").stat().st_size == 20 + 4 * (sum(FLOATS) - 3 - 10 - 15)
    with pytest.raises(DarknetError, match="expected 231 floats in 5 layers with weights, found 259"):
        load_darknet_weights(Darknet(CFG, shortcut_weights="sigmoid"), weights)


@pytest.mark.parametrize("form", ["darknet", "sigmoid"])
def test_a_checkpoint_keeps_them_and_their_form(form: str, tmp_path: Path) -> None:
    network = Darknet(CFG, shortcut_weights=form).eval()
    for number in (3, 5, 6):
        torch.nn.init.normal_(network.layers[number].weights)
    save_checkpoint(tmp_path, network, ModelCard(image_size=(8, 8)))
    again, _ = load_checkpoint(tmp_path)
    assert isinstance(again, Darknet)
    assert again.shortcut_weights == form
    with torch.no_grad():
        assert torch.equal(again.eval()(_image())[0], network(_image())[0])


def test_a_checkpoint_from_before_is_read_as_it_was_meant() -> None:
    """Then every weighted shortcut was σ(w)·2/n."""
    network = Darknet(CFG, shortcut_weights="sigmoid")
    described = describe(network)
    assert described.pop("shortcut_weights") == "sigmoid"
    again = build(described, network.anchors)
    assert isinstance(again, Darknet)
    assert again.shortcut_weights == "sigmoid"


def test_a_network_without_them_needs_no_word() -> None:
    plain = "\n".join(line for line in CFG.splitlines() if not line.startswith("weights_"))
    for form in ("darknet", "sigmoid"):
        described = describe(Darknet(plain, shortcut_weights=form))
        assert described.keys() == {"network", "cfg", "bn_eps"}
        assert described["network"] == "Darknet"


def test_an_unknown_form() -> None:
    with pytest.raises(DarknetError, match="unknown shortcut_weights 'mean'; choose darknet or sigmoid"):
        Darknet(CFG, shortcut_weights="mean")
