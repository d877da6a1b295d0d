"""The cfgs that come with yolo3: their published numbers, OpenCV's importer and the hand-written YOLOv3."""

import filecmp
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
import torch
from torch import Tensor, nn

from yolo3 import Darknet53, YOLOv3
from yolo3.darknet import Darknet, load_darknet_weights, save_darknet_weights
from yolo3.darknet.cfg import read_cfg


@pytest.mark.parametrize(
    ("cfg", "parameters", "floats", "candidates"),
    [
        ("yolov3.cfg", 61_949_149, 62_001_757, 10_647),
        ("yolov3-spp.cfg", 62_998_749, 63_052_381, 10_647),
        ("yolov3-tiny.cfg", 8_852_366, 8_858_734, 2_535),
        ("yolov3-voc.cfg", 61_626_049, 61_678_657, 10_647),
    ],
)
def test_published_numbers(cfg: str, parameters: int, floats: int, candidates: int) -> None:
    with torch.device("meta"):
        network = Darknet(cfg)
        predictions = network(torch.empty(1, 3, 416, 416))
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert sum(layer.floats for layer in network.plan) == floats
    assert sum(scale.shape[1:4].numel() for scale in predictions) == candidates


def test_yolov1() -> None:
    with torch.device("meta"):
        network = Darknet("yolov1.cfg")
        (prediction,) = network(torch.empty(2, 3, 448, 448))
    assert prediction.shape == (2, 7, 7, 20 + 3 * 5)
    assert (network.stride, network.num_classes) == (448, 20)
    assert sum(layer.floats for layer in network.plan) == 197_328_243


def empty(network: Callable[..., nn.Module], *arguments: object, **options: object) -> nn.Module:
    """A network whose numbers are yet to be filled: drawing 62 million would take seconds."""
    with torch.device("meta"):
        built = network(*arguments, **options)
    return built.to_empty(device="cpu").eval()


@torch.no_grad()
def enliven(network: nn.Module) -> None:
    """Random weights with which the values neither die out nor explode on their way."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.normal_(0, math.sqrt((0.7 if module.bias is None else 1.0) / module.weight[0].numel()))
            if module.bias is not None:
                module.bias.normal_()
        if isinstance(module, nn.BatchNorm2d):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Random weights files by cfg."""
    folder = tmp_path_factory.mktemp("weights")
    paths = {}
    torch.manual_seed(1)
    for cfg in ("yolov3", "yolov3-spp", "yolov3-tiny"):
        network = empty(Darknet, f"{cfg}.cfg")
        enliven(network)
        paths[cfg] = folder / f"{cfg}.weights"
        save_darknet_weights(network, paths[cfg])
    yield paths
    shutil.rmtree(folder)  # half a gigabyte


def test_sizes_of_files(weights: dict[str, Path]) -> None:
    sizes = {name: path.stat().st_size for name, path in weights.items()}
    assert sizes == {"yolov3": 248_007_048, "yolov3-spp": 252_209_544, "yolov3-tiny": 35_434_956}


@pytest.mark.parametrize("cfg", ["yolov3", "yolov3-spp", "yolov3-tiny"])
def test_opencv_reads_the_same_network(cfg: str, weights: dict[str, Path], tmp_path: Path) -> None:
    """OpenCV's importer has an epsilon of 1e-6 in batch normalisation."""
    network = empty(Darknet, f"{cfg}.cfg", bn_eps=1e-6)
    load_darknet_weights(network, weights[cfg])
    (tmp_path / "net.cfg").write_text(read_cfg(f"{cfg}.cfg")[0])
    theirs = cv2.dnn.readNetFromDarknet(str(tmp_path / "net.cfg"), str(weights[cfg]))
    images = torch.rand(1, 3, 64, 96)
    theirs.setInput(images.numpy())
    outputs = theirs.forward([f"conv_{number}" for number in network.prediction_channels])
    with torch.no_grad():
        predictions = network(images)
    for output, prediction in zip(outputs, predictions, strict=True):
        expected = in_our_order(torch.from_numpy(output), prediction.shape[1])
        assert prediction.std(dim=(2, 3)).mean() > 0.03  # they do depend on the image
        torch.testing.assert_close(prediction, expected, rtol=0, atol=1e-5)


def in_our_order(output: Tensor, num_anchors: int) -> Tensor:
    """(B, A·(5 + C), S, S) with Darknet's columns -> (B, A, S, S, 5 + C) with ours."""
    columns = output.unflatten(1, (num_anchors, -1)).permute(0, 1, 3, 4, 2)
    return torch.cat([columns[..., 4:5], columns[..., :4], columns[..., 5:]], dim=-1)


def test_the_hand_written_network_is_the_same_to_the_last_bit(weights: dict[str, Path], tmp_path: Path) -> None:
    ours, theirs = empty(YOLOv3, 80, conv_set_depth=5), empty(Darknet, "yolov3.cfg")
    for network in (ours, theirs):
        loaded = load_darknet_weights(network, weights["yolov3"])
        assert (loaded.layers, loaded.floats, loaded.partial) == (75, 62_001_757, False)
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        for one, other in zip(ours(images), theirs(images), strict=True):
            assert torch.equal(one, other)
    assert ours.anchors == theirs.anchors
    again = tmp_path / "again.weights"
    save_darknet_weights(ours, again)
    assert filecmp.cmp(again, weights["yolov3"], shallow=False)
    again.unlink()


def test_the_backbone_alone(weights: dict[str, Path], tmp_path: Path) -> None:
    """``darknet53.conv.74``, as Darknet's own ``partial`` command cuts it."""
    backbone = empty(Darknet53)
    cut = tmp_path / "darknet53.conv.74"
    with weights["yolov3"].open("rb") as file:
        cut.write_bytes(file.read(20 + 4 * 40_620_640))
    loaded = load_darknet_weights(backbone, cut)
    assert (loaded.layers, loaded.floats, loaded.partial) == (52, 40_620_640, False)
    again = tmp_path / "again"
    save_darknet_weights(backbone, again)
    assert filecmp.cmp(again, cut, shallow=False)
    again.unlink()
    network = empty(Darknet, "yolov3.cfg")
    loaded = load_darknet_weights(network, cut)
    assert (loaded.layers, loaded.floats, loaded.partial) == (52, 40_620_640, True)
    cut.unlink()
    assert load_darknet_weights(empty(YOLOv3, 20), weights["yolov3"], layers=74).floats == 40_620_640
