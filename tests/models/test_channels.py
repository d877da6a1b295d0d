"""Weights for images of one number of channels, adapted to another."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from yolo3 import Darknet, YOLOv1, YOLOv3, adapt_channels, load_checkpoint, load_darknet_weights, save_checkpoint
from yolo3.checkpoint import ModelCard
from yolo3.darknet import DarknetError, save_darknet_weights
from yolo3.models import Darknet53, adapted_kernel
from yolo3.presets import yolov3_tiny

_CFG = """[net]
width=32
height=32
channels={channels}
[convolutional]
batch_normalize=1
filters=4
size=3
stride=8
pad=1
activation=leaky
[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=leaky
[convolutional]
filters=7
size=1
stride=1
activation=linear
[yolo]
anchors=9,9
classes=2
num=1
"""


def _cfg(channels: int) -> Darknet:
    network = Darknet(_CFG.format(channels=channels))
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0, 0.3)
    return network.eval()


@pytest.mark.parametrize(
    ("before", "after", "rule", "expected"),
    [
        ([1, 2, 6], 1, "sum", [9]),
        ([1, 2, 6], 1, "mean", [3]),
        ([1, 2, 6], 2, "sum", [4.5, 4.5]),
        ([1, 2, 6], 4, "sum", [1, 2, 6, 0]),
        ([1, 2, 6], 4, "mean", [1, 2, 6, 3]),
        ([6], 3, "sum", [2, 2, 2]),
        ([6], 3, "mean", [6, 6, 6]),
        ([1, 2, 6], 3, "sum", [1, 2, 6]),
    ],
)
def test_the_rule_names_what_stays_the_same(before: list, after: int, rule: str, expected: list) -> None:
    kernel = torch.tensor(before, dtype=torch.float32).view(1, -1, 1, 1)
    found = adapted_kernel(kernel, after, rule)
    assert found.flatten().tolist() == expected
    same = {"sum": torch.sum, "mean": torch.mean}[rule]
    assert same(found) == same(kernel)


@pytest.mark.parametrize(
    "build", [lambda: YOLOv3(2, width=0.1), lambda: _cfg(3), lambda: YOLOv1(2, grid=1, hidden=8, width=0.1)]
)
def test_one_channel_answers_to_grey_as_three_do(build) -> None:
    colour = build().eval()
    before = {name: tensor.clone() for name, tensor in colour.state_dict().items()}
    grey = adapt_channels(colour, 1)
    assert (grey.in_channels, colour.in_channels, grey.training) == (1, 3, False)
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        found, expected = grey(images), colour(images.expand(-1, 3, -1, -1))
    found, expected = ((each,) if isinstance(each, torch.Tensor) else each for each in (found, expected))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    for name, tensor in colour.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_fourth_channel_changes_nothing_at_first_and_learns() -> None:
    colour = YOLOv3(2, width=0.1).eval()
    both = adapt_channels(colour, 4, "sum")
    images = torch.rand(1, 4, 64, 64)
    for one, other in zip(both(images), colour(images[:, :3]), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    both(images)[0].sum().backward()
    assert both.backbone[0].conv.weight.grad[:, 3].abs().max() > 0


def test_a_state_is_adapted_like_its_network() -> None:
    colour = YOLOv3(2, width=0.1)
    state = adapt_channels(colour.state_dict(), 4, "mean")
    grown = adapt_channels(colour, 4, "mean").state_dict()
    assert state.keys() == grown.keys()
    assert all(torch.equal(state[name], grown[name]) for name in state)


def test_adapted_networks_are_saved_and_built_again(tmp_path: Path) -> None:
    for number, network in enumerate((YOLOv3(2, width=0.1), _cfg(3))):
        adapted = adapt_channels(network, 1)
        save_checkpoint(tmp_path / str(number), adapted, ModelCard(image_size=(32, 32)))
        loaded, card = load_checkpoint(tmp_path / str(number))
        assert (card.in_channels, loaded.in_channels) == (1, 1)
        assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), adapted.parameters(), strict=True))
        with pytest.raises(ValueError, match="is for images of 1 channels, and the detector takes 3; load it as it is"):
            load_checkpoint(tmp_path / str(number), detector=network)


def test_what_cannot_be_adapted() -> None:
    with pytest.raises(ValueError, match="in_channels is 0; an image has at least one"):
        adapt_channels(YOLOv3(2, width=0.1), 0)
    with pytest.raises(ValueError, match="unknown rule 'max'; choose sum or mean"):
        adapt_channels(YOLOv3(2, width=0.1), 1, "max")
    with pytest.raises(ValueError, match="the state has no convolution to adapt"):
        adapt_channels({"a": torch.zeros(3)}, 1)
    with pytest.raises(ValueError, match="first convolution of this Conv2d does not read images of 5 channels"):
        adapt_channels(nn.Conv2d(5, 10, 1, groups=5), 1)


def test_images_of_other_channels_are_told() -> None:
    for network in (YOLOv3(2, width=0.1), _cfg(3)):
        with pytest.raises(ValueError, match="the images have 4 channels, and the network takes 3"):
            network(torch.rand(1, 4, 32, 32))


def test_darknet_weights_of_other_channels_are_refused_or_adapted(tmp_path: Path) -> None:
    colour, grey = _cfg(3), _cfg(1)
    save_darknet_weights(colour, tmp_path / "rgb.weights")
    save_darknet_weights(grey, tmp_path / "grey.weights")
    save_darknet_weights(colour, tmp_path / "first.weights", layers=1)
    before = grey.layers[0].convs[0].weight.clone()
    for file, layers in (("rgb", None), ("first", None), ("rgb", 1)):
        with pytest.raises(
            DarknetError, match=r"is for images of 3 channels, and the network takes 1; adapt_channels='sum'"
        ):
            load_darknet_weights(grey, tmp_path / f"{file}.weights", layers=layers)
        assert torch.equal(grey.layers[0].convs[0].weight, before)
    with pytest.raises(DarknetError, match="is for images of 1 channel, and the network takes 3; only weights for RGB"):
        load_darknet_weights(_cfg(3), tmp_path / "grey.weights")
    with pytest.raises(DarknetError, match="is for images of 1 channel, and the network takes 1 too; leave out"):
        load_darknet_weights(grey, tmp_path / "grey.weights", adapt_channels="sum")
    load_darknet_weights(grey, tmp_path / "rgb.weights", adapt_channels="sum")
    images = torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(grey(images)[0], colour(images.expand(-1, 3, -1, -1))[0], atol=1e-5, rtol=1e-4)


def test_published_weights_are_for_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ValueError, match="weights 'coco' are for images of 3 channels and not 1; leave out in_channels"
    ):
        yolov3_tiny(in_channels=1, weights="coco")


def test_a_grey_cfg_is_that_of_opencv() -> None:
    """OpenCV 4's importer, on the same grey input."""
    cv2 = pytest.importorskip("cv2")
    network = _cfg(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2)
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        save_darknet_weights(network, path / "grey.weights")
        (path / "grey.cfg").write_text(_CFG.format(channels=1).replace("num=1", "num=1\nmask=0"))
        theirs = cv2.dnn.readNetFromDarknet(str(path / "grey.cfg"), str(path / "grey.weights"))
    rgb = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    luma = np.array([[(77 * r + 150 * g + 29 * b) >> 8 for r, g, b in row] for row in rgb.tolist()], np.uint8)
    theirs.setInput(cv2.dnn.blobFromImage(luma, 1 / 255))
    rows = torch.from_numpy(theirs.forward().reshape(-1, 7))  # cx, cy, w, h relative, objectness, class scores
    from yolo3 import Predictor

    predictor = Predictor(network, image_size=32, letterbox="stretch", device="cpu", precision="fp32")
    (candidates,) = predictor.candidates([predictor.prepare(rgb)])
    boxes, scores = candidates.boxes[0], candidates.scores[0]
    corners = torch.cat([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], dim=1) * 32
    torch.testing.assert_close(boxes, corners, atol=1e-3, rtol=1e-4)
    kept = rows[:, 5:] > 0  # OpenCV sets scores of low objectness to zero
    torch.testing.assert_close(scores[kept], rows[:, 5:][kept], atol=1e-4, rtol=1e-4)


def test_darknet53_alone_is_adapted() -> None:
    backbone = adapt_channels(Darknet53(width=0.1).eval(), 2)
    assert backbone.in_channels == 2
    assert len(backbone(torch.rand(1, 2, 32, 32))) == 3
