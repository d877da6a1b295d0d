import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from yolo3 import CNNBlock, Darknet53, ResUnit, YOLOv3
from yolo3.darknet import (
    Darknet,
    DarknetError,
    LoadedWeights,
    WeightsHeader,
    load_darknet_weights,
    save_darknet_weights,
)
from yolo3.models.fusing import fuse

FLOATS = [248, 80, 1120, 2, 72, 126, 238]  # of the small network's layers with weights: 0, 1, 3, 4, 6, 13, 18


def write(path: Path, floats: np.ndarray, version: tuple[int, int, int] = (0, 2, 0), seen: int = 12345) -> Path:
    path.write_bytes(struct.pack("<3iQ", *version, seen) + floats.astype("<f4").tobytes())
    return path


def numbered(path: Path, count: int = sum(FLOATS)) -> Path:
    """A file whose every number is its place."""
    return write(path, np.arange(count))


def test_every_number_goes_to_its_place(small_cfg: str, tmp_path: Path) -> None:
    network = Darknet(small_cfg)
    loaded = load_darknet_weights(network, numbered(tmp_path / "w"))
    assert loaded == LoadedWeights(7, 7, sum(FLOATS), WeightsHeader((0, 2, 0), 12345))
    assert (loaded.partial, loaded.seen) == (False, 12345)
    assert str(loaded) == "7 of 7 layers, 1,886 floats, trained on 12,345 images"

    first = network.layers[0]
    places = torch.arange(1886.0)
    assert torch.equal(first.norm.bias, places[:8])
    assert torch.equal(first.norm.weight, places[8:16])
    assert torch.equal(first.norm.running_mean, places[16:24])
    assert torch.equal(first.norm.running_var, places[24:32])
    assert torch.equal(first.conv.weight, places[32:248].view(8, 3, 3, 3))
    depthwise = network.layers[1]
    assert torch.equal(depthwise.conv.bias, places[248:256])
    assert torch.equal(depthwise.conv.weight, places[256:328].view(8, 1, 3, 3))
    small, large = network.layers[3].convs
    assert torch.equal(small.weight, places[360:648].view(4, 8, 3, 3))
    assert torch.equal(large.weight, places[648:1448].view(4, 8, 5, 5))
    assert torch.equal(network.layers[4].weights, places[1448:1450])


def test_channels_of_predictions_are_reordered_at_the_door(small_cfg: str, tmp_path: Path) -> None:
    """In the file x, y, w, h, objectness, classes; in the network objectness comes first."""
    network = Darknet(small_cfg)
    load_darknet_weights(network, numbered(tmp_path / "w"))
    places = torch.arange(1886.0)[1522:1648]
    order = [4, 0, 1, 2, 3, 5, 6, 11, 7, 8, 9, 10, 12, 13]
    head = network.layers[13].conv
    assert torch.equal(head.bias, places[:14][order])
    assert torch.equal(head.weight, places[14:].view(14, 8, 1, 1)[order])


def test_files_of_yolov1(grid_cfg: str, tmp_path: Path) -> None:
    network = Darknet(grid_cfg)
    count = 4 * 4 + 4 * 27 + (3 * 16 + 16 * 3 * 36) + (52 + 52 * 48)
    load_darknet_weights(network, numbered(tmp_path / "w", count))
    places = torch.arange(float(count))
    local, connected = network.layers[2], network.layers[4].linear
    assert torch.equal(local.bias, places[124:172].view(3, 4, 4))
    assert torch.equal(local.weight, places[172:1900].view(16, 3, 36))
    assert torch.equal(connected.bias, places[1900:1952])
    assert torch.equal(connected.weight, places[1952:].view(52, 48))


def test_connected_layers_with_normalisation(tmp_path: Path) -> None:
    """Bias and weights first, the rest of the normalisation after them."""
    cfg = "[net]\nwidth=2\nheight=1\n[conn]\nbatch_normalize=1\noutput=6\n[detection]\nside=1\ncoords=4"
    network = Darknet(cfg)
    load_darknet_weights(network, numbered(tmp_path / "w", 6 + 36 + 18))
    layer = network.layers[0]
    assert layer.norm.bias.tolist() == list(range(6))
    assert layer.linear.weight.flatten().tolist() == list(range(6, 42))
    assert layer.norm.weight.tolist() == list(range(42, 48))
    assert layer.norm.running_var.tolist() == list(range(54, 60))


@pytest.mark.parametrize("cfg", ["small_cfg", "grid_cfg"])
@pytest.mark.parametrize("version", [(0, 1, 0), (0, 2, 0), (0, 2, 5), (1, 0, 0)])
def test_saving_what_was_loaded_gives_the_same_bytes(
    cfg: str, version: tuple[int, int, int], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    network = Darknet(request.getfixturevalue(cfg))
    header = WeightsHeader(version, 4_000_000_000)
    assert header.size == (16 if version == (0, 1, 0) else 20)
    save_darknet_weights(network, tmp_path / "a", header=header)
    twin = Darknet(network.cfg_text)
    assert load_darknet_weights(twin, tmp_path / "a").header == header
    save_darknet_weights(twin, tmp_path / "new" / "b")
    assert (tmp_path / "new" / "b").read_bytes() == (tmp_path / "a").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "new"]  # nothing half-written is left
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, twin.state_dict()[name]), name


def test_channels_last_and_half_precision(small_cfg: str, tmp_path: Path) -> None:
    network = Darknet(small_cfg).to(memory_format=torch.channels_last)
    save_darknet_weights(network, tmp_path / "a")
    plain = Darknet(small_cfg)
    load_darknet_weights(plain, tmp_path / "a")
    assert torch.equal(plain.layers[0].conv.weight, network.layers[0].conv.weight)
    half = Darknet(small_cfg).half()
    load_darknet_weights(half, tmp_path / "a")
    assert torch.equal(half.layers[0].conv.weight, network.layers[0].conv.weight.half())


@pytest.mark.parametrize(("layers", "filled"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (14, 6), (19, 7)])
def test_the_first_layers_only(small_cfg: str, layers: int, filled: int, tmp_path: Path) -> None:
    path = numbered(tmp_path / "w")
    network = Darknet(small_cfg)
    loaded = load_darknet_weights(network, path, layers=layers)
    assert (loaded.layers, loaded.floats) == (filled, sum(FLOATS[:filled]))
    assert loaded.partial is (filled < 7)
    save_darknet_weights(network, tmp_path / "part", layers=layers)
    assert (tmp_path / "part").read_bytes() == path.read_bytes()[: 20 + 4 * sum(FLOATS[:filled])]
    assert load_darknet_weights(Darknet(small_cfg), tmp_path / "part").layers == filled


def test_a_partial_file_leaves_the_rest_alone(small_cfg: str, tmp_path: Path) -> None:
    network = Darknet(small_cfg)
    before = network.layers[3].convs[0].weight.clone()
    loaded = load_darknet_weights(network, numbered(tmp_path / "w", 248 + 80))
    assert loaded.partial
    assert str(loaded).startswith("partial: 2 of 7 layers, 328 floats")
    assert torch.equal(network.layers[3].convs[0].weight, before)
    assert network.layers[1].conv.bias[0] == 248


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "0 bytes are too few for a weights file"),
        (struct.pack("<3i", 0, 2, 0), "12 bytes are too few"),
        (
            struct.pack("<3iQ", 0, 2, 0, 0),
            "expected 1,886 floats in 7 layers with weights, found 0: less than one layer",
        ),
        (b"\n <!DOCTYPE html><html>", "this is a web page, not a weights file; download it again"),
        (b"version https://git-lfs.github.com/spec/v1\n", "this is a Git LFS pointer"),
        (b"[net]\nwidth=3" + b" " * 20, "this is a cfg"),
        (b"\x80\x02}q\x01" + b"x" * 40, r"not a weights file: it begins with \(.*\), which is no version"),
        (struct.pack("<3iQ", 0, 2, 0, 0) + b"\0" * 7, r"27 bytes are not a whole number of floats \(3 left over\)"),
    ],
)
def test_not_a_weights_file(small_cfg: str, content: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(content)
    with pytest.raises(DarknetError, match=complaint):
        load_darknet_weights(Darknet(small_cfg), path)


@pytest.mark.parametrize(
    ("count", "complaint"),
    [
        (
            1885,
            "expected 1,886 floats in 7 layers with weights, found 1,885: 6 layers and 237 more floats; it was",
        ),
        (
            1887,
            "found 1,887: 7 layers and 1 more floats; it was truncated or belongs to another cfg; if it has",
        ),
        (100, "found 100: less than one layer"),
    ],
)
def test_a_file_of_another_length_fills_nothing(small_cfg: str, count: int, complaint: str, tmp_path: Path) -> None:
    network = Darknet(small_cfg)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(DarknetError, match=complaint):
        load_darknet_weights(network, numbered(tmp_path / "w", count))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_advice_names_the_first_head(small_cfg: str, tmp_path: Path) -> None:
    """A file for two classes, a network for three: the first 13 layers of the cfg are the same."""
    save_darknet_weights(Darknet(small_cfg), tmp_path / "w")
    three = Darknet(small_cfg.replace("classes=2", "classes=3").replace("filters=14", "filters=16"))
    with pytest.raises(DarknetError, match=r"layers=13, in yolo3 train --weights-layers 13$"):
        load_darknet_weights(three, tmp_path / "w")
    loaded = load_darknet_weights(three, tmp_path / "w", layers=13)
    assert (loaded.layers, loaded.layers_in_network) == (5, 7)
    with pytest.raises(DarknetError) as told:
        load_darknet_weights(three, numbered(tmp_path / "short", 100))
    assert "--weights-layers" not in str(told.value)  # it does not even reach the head


def test_no_such_file(small_cfg: str, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path, "a\0b"):
        with pytest.raises(DarknetError, match="no such weights file"):
            load_darknet_weights(Darknet(small_cfg), path)


def test_layers_that_leave_nothing(small_cfg: str, tmp_path: Path) -> None:
    with pytest.raises(DarknetError, match="layers=0 selects nothing; the first layer with weights is 0"):
        save_darknet_weights(Darknet(small_cfg), tmp_path / "w", layers=0)


def test_an_interrupted_save_leaves_the_old_file(
    small_cfg: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w"
    path.write_bytes(b"old")
    network = Darknet(small_cfg)
    monkeypatch.setattr(network.layers[18].conv, "weight", None)  # fails half way
    with pytest.raises(AttributeError):
        save_darknet_weights(network, path)
    assert [file.name for file in tmp_path.iterdir()] == ["w"]
    assert path.read_bytes() == b"old"


def test_backbones_of_any_width(tmp_path: Path) -> None:
    backbone, other = Darknet53(width=0.125), Darknet53(width=0.125)
    save_darknet_weights(backbone, tmp_path / "w")
    assert load_darknet_weights(other, tmp_path / "w").layers == 52
    assert all(torch.equal(a, b) for a, b in zip(backbone.parameters(), other.parameters(), strict=True))
    compact = YOLOv3(3, width=0.125)  # not Darknet's beyond the backbone
    loaded = load_darknet_weights(compact, tmp_path / "w")
    assert (loaded.layers, loaded.layers_in_network, loaded.partial) == (52, 63, True)  # heads, necks and a ConvSet
    published = YOLOv3(3, width=0.125, conv_set_depth=5)
    loaded = load_darknet_weights(published, tmp_path / "w")
    assert (loaded.layers, loaded.layers_in_network, loaded.partial) == (52, 75, True)
    assert torch.equal(next(published.parameters()), next(backbone.parameters()))
    save_darknet_weights(published, tmp_path / "part", layers=74)
    assert (tmp_path / "part").read_bytes() == (tmp_path / "w").read_bytes()


def test_networks_that_are_not_darknets(small_cfg: str, tmp_path: Path) -> None:
    class Gated(ResUnit):
        def __init__(self, channels: int, block: type[CNNBlock] = CNNBlock) -> None:
            super().__init__(channels, block)
            self.gate = nn.Conv2d(channels, channels, 1)

    class Deep(ResUnit):
        def __init__(self, channels: int, block: type[CNNBlock] = CNNBlock) -> None:
            super().__init__(channels, block)
            self.more = block(channels, channels, 1)

    class Maps(nn.Module):
        out_channels = (8, 8, 8)

    for network, complaint in [
        (nn.Linear(2, 2), "Linear is not a Darknet network; Darknet, YOLOv3 and Darknet53 are"),
        (YOLOv3(2, conv_set_depth=5, backbone=Maps()), "Maps is not a Darknet network"),
        (Darknet53(width=0.125, unit=Gated), r"Darknet53\.1\.units\.0\.gate\.weight is not a part of Darknet's YOLOv3"),
        (Darknet53(width=0.125, unit=Deep), "this Darknet53 has 75 convolutions, Darknet's has 52"),
    ]:
        with pytest.raises(DarknetError, match=complaint):
            save_darknet_weights(network, tmp_path / "w")
    with pytest.raises(DarknetError, match="a CNNBlock without batch normalization: the network was"):
        save_darknet_weights(fuse(Darknet53(width=0.125)), tmp_path / "w")
    with pytest.raises(DarknetError, match="layer 0 has 224 weights, its cfg says 248: the network"):
        save_darknet_weights(fuse(Darknet(small_cfg)), tmp_path / "w")
    assert not list(tmp_path.iterdir())
