"""Classifiers from a cfg, and cfgs as backbones."""

from pathlib import Path

import cv2
import pytest
import torch

from yolo3 import Darknet53, GroundTruth, YoloLoss, YOLOv3
from yolo3.darknet import (
    Darknet,
    DarknetBackbone,
    DarknetClassifier,
    DarknetError,
    load_darknet_weights,
    save_darknet_weights,
)

SMALL = """\
[net]
width=16
height=16
channels=3

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
filters=5
size=1
activation=linear

[avgpool]

[softmax]
groups=1
"""


@pytest.mark.parametrize(
    ("cfg", "parameters", "floats", "operations"),
    [
        # the operations are those that the authors publish
        ("darknet19", 20_842_376, 20_856_776, 7.29),
        ("darknet53", 41_609_928, 41_645_640, 18.57),
    ],
)
def test_published_numbers(cfg: str, parameters: int, floats: int, operations: float) -> None:
    with torch.device("meta"):
        network = DarknetClassifier(cfg)
        probabilities = network(torch.empty(2, 3, 256, 256))
    assert probabilities.shape == (2, 1000)
    assert (network.num_classes, network.image_size, network.in_channels) == (1000, (256, 256), 3)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert sum(layer.floats for layer in network.plan) == floats
    assert sum(layer.operations for layer in network.plan) / 1e9 == pytest.approx(operations, abs=0.01)


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    network = DarknetClassifier(SMALL).eval()
    images = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(network(images), network.logits(images).softmax(dim=1))
        assert network(torch.rand(1, 3, 32, 48)).shape == (1, 5)
    assert network.num_classes == 5


def test_opencv_reads_the_same_classifier(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = DarknetClassifier(SMALL, bn_eps=1e-6).eval()
    save_darknet_weights(network, tmp_path / "w")
    (tmp_path / "cfg").write_text(SMALL)
    theirs = cv2.dnn.readNetFromDarknet(str(tmp_path / "cfg"), str(tmp_path / "w"))
    images = torch.rand(1, 3, 16, 16)
    theirs.setInput(images.numpy())
    with torch.no_grad():
        torch.testing.assert_close(network(images), torch.from_numpy(theirs.forward()).flatten(1), rtol=0, atol=1e-5)


def test_a_classifier_learns() -> None:
    torch.manual_seed(0)
    network = DarknetClassifier(SMALL)
    images, labels = torch.rand(4, 3, 16, 16), torch.tensor([0, 1, 2, 3])
    optimizer = torch.optim.Adam(network.parameters(), 0.03)
    for _ in range(150):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network.logits(images), labels)
        loss.backward()
        optimizer.step()
    assert loss < 0.5


def test_a_weights_file_of_a_classifier_fills_it_and_a_backbone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = DarknetClassifier(SMALL).eval()
    save_darknet_weights(network, tmp_path / "w")
    again = DarknetClassifier(SMALL).eval()
    loaded = load_darknet_weights(again, tmp_path / "w")
    assert (loaded.layers, loaded.partial) == (2, False)
    images = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(again(images), network(images))
    backbone = DarknetBackbone(SMALL, (0, 1)).eval()
    load_darknet_weights(backbone, tmp_path / "w")
    assert torch.equal(backbone.layers[0].convs[0].weight, network.layers[0].convs[0].weight)


def test_darknet_53_by_its_cfg_is_the_hand_written_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    ours = Darknet53().eval()
    save_darknet_weights(ours, tmp_path / "w")
    backbone = DarknetBackbone("darknet53", (36, 61, 74)).eval()
    load_darknet_weights(backbone, tmp_path / "w")
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for one, other in zip(ours(images), backbone(images), strict=True):
            assert torch.equal(one, other)


def test_a_cfg_is_the_backbone_of_a_yolov3() -> None:
    torch.manual_seed(0)
    with torch.device("meta"):
        backbone = DarknetBackbone("darknet19", (10, 16, 22))
    assert (backbone.out_channels, backbone.strides, backbone.stride) == ((256, 512, 1024), (8, 16, 32), 32)
    maps = "".join(
        f"[convolutional]\nfilters={filters}\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
        for filters in (4, 4, 8, 8, 8)
    )
    small = DarknetBackbone(f"[net]\nwidth=32\nheight=32\nchannels=3\n{maps}", (2, 3, 4))
    model = YOLOv3(2, backbone=small)
    truth = GroundTruth(torch.tensor([[3.0, 4.0, 20.0, 25.0]]), torch.tensor([1]), torch.tensor([0]))
    YoloLoss()(model(torch.rand(1, 3, 64, 64)), truth).backward()
    assert all(parameter.grad is not None for parameter in small.parameters())


def test_what_is_no_classifier_and_no_backbone() -> None:
    with pytest.raises(DarknetError, match="begins a classifier, not a detector; open it with DarknetClassifier"):
        Darknet("darknet19")
    with pytest.raises(DarknetError, match="begins no classifier: the last layer does not give one value per class"):
        DarknetClassifier("yolov3-tiny")
    with pytest.raises(DarknetError, match=r"<cfg> has layers 0 to 4, not \(0, 5\)"):
        DarknetBackbone(SMALL, (0, 5))
    with pytest.raises(DarknetError, match=r"layers \(1, 0\) have strides \(4, 2\); name them fine to coarse"):
        DarknetBackbone(SMALL, (1, 0))
    with pytest.raises(DarknetError, match="cannot be the output of a backbone"):
        DarknetBackbone("yolov3-tiny", (16,))
    with pytest.raises(ValueError, match=r"images are \(B, C, H, W\), not \(3, 16, 16\); a single image needs a batch"):
        DarknetClassifier(SMALL)(torch.rand(3, 16, 16))
    fixed = SMALL.replace("[avgpool]", "[connected]\noutput=5\nactivation=linear\n")
    with pytest.raises(ValueError, match=r"takes \(height, width\) \(16, 16\) only, not \(32, 16\)"):
        DarknetClassifier(fixed)(torch.rand(1, 3, 32, 16))
