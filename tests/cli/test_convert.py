from pathlib import Path

import pytest
import torch

from yolo3 import Anchors, Darknet, YOLOv3, load_checkpoint, load_darknet_weights, save_checkpoint, save_darknet_weights
from yolo3.checkpoint import ModelCard
from yolo3.cli import main
from yolo3.darknet import WeightsHeader, adapted_cfg
from yolo3.darknet.weights_header import header_of, keep_header
from yolo3.presets import yolov3_tiny

CFG = """[net]
width=64
height=32
channels=3
[convolutional]
batch_normalize=1
filters=8
size=3
stride=8
pad=1
activation=leaky
[convolutional]
filters=21
size=1
activation=linear
[yolo]
mask=0,1,2
anchors=4,4, 8,8, 16,16
classes=2
num=3
"""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with small.cfg, small.weights, small.names, small.data and windows.data."""
    monkeypatch.chdir(tmp_path)
    Path("small.cfg").write_text(CFG)
    save_darknet_weights(Darknet(CFG), "small.weights")
    Path("small.names").write_text("cat\ndog\n")
    Path("small.data").write_text("classes = 2\nnames = small.names\ntrain = train.txt\n")
    Path("windows.data").write_text("classes = 2\nnames = .\\small.names\ntrain = train.txt\n")
    return tmp_path


@pytest.mark.parametrize("names", ["small.names", "small.data", "windows.data"])
def test_there_and_back(scene: Path, names: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "small.cfg", "run", "--weights", "small.weights", "--names", names]) == 0
    network, card = load_checkpoint("run")
    assert isinstance(network, Darknet)
    assert card.names == ("cat", "dog")
    assert card.image_size == (32, 64)
    assert card.letterbox == "darknet"
    assert main(["convert", "run", "back"]) == 0
    assert Path("back/back.cfg").read_text() == CFG
    assert Path("back/back.weights").read_bytes() == Path("small.weights").read_bytes()
    assert Path("back/back.names").read_text() == "cat\ndog\n"
    assert "images are fitted to its input by 'darknet'" in capsys.readouterr().out


def test_the_letterbox_is_stored(scene: Path) -> None:
    assert main(["convert", "small.cfg", "run", "--weights", "small.weights", "--letterbox", "stretch"]) == 0
    assert load_checkpoint("run")[1].letterbox == "stretch"


def test_the_hand_written_network_becomes_darknets(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The full network is large: here its place is taken by the check that its cfg would be read and filled."""
    sizes = (((90, 80), (70, 60), (50, 40)), ((30, 30), (20, 30), (30, 20)), ((10.123456789, 12), (8, 8), (4, 5)))
    anchors = Anchors(sizes, xy_scales=(1.2, 1.1, 1.05))
    network = YOLOv3(2, in_channels=1, conv_set_depth=5, anchors=anchors)
    keep_header(network, WeightsHeader((0, 2, 0), 14_231_680))
    save_checkpoint("run", network, ModelCard(("cat", "dog"), image_size=(64, 96)))
    assert main(["convert", "run", "full"]) == 0
    again = Darknet("full/full.cfg")
    assert again.anchors == anchors
    assert (again.image_size, again.in_channels) == ((64, 96), 1)
    assert load_darknet_weights(again, "full/full.weights").header == WeightsHeader((0, 2, 0), 14_231_680)
    images = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        found, expected = again.eval()(images), network.eval()(images)
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one, other)
        assert torch.equal(again.decode(found).boxes, network.decode(expected).boxes)


@pytest.mark.parametrize("size", [(320, 320), (192, 256)])
def test_the_image_size_is_that_of_the_checkpoint(scene: Path, size: tuple[int, int]) -> None:
    """A preset and a cfg of one's own; its comments and all other lines stay."""
    height, width = size
    save_checkpoint("tiny", yolov3_tiny(2), ModelCard(("cat", "dog"), image_size=size))
    save_checkpoint("own", Darknet(CFG.replace("channels", "# mine\nchannels")), ModelCard(image_size=size))
    for name in ("tiny", "own"):
        assert main(["convert", name, f"{name}-back"]) == 0
        text = Path(f"{name}-back/{name}-back.cfg").read_text()
        assert Darknet(text).image_size == size
        assert f"\nwidth={width}\n" in text
        assert f"\nheight={height}\n" in text
    before = CFG.replace("channels", "# mine\nchannels").splitlines()
    after = Path("own-back/own-back.cfg").read_text().splitlines()
    assert [line for line in after if line not in before] == [f"width={width}", f"height={height}"]


@pytest.mark.parametrize("bn_eps", [1e-3, 1e-5, 1e-6, 0.0])
def test_another_epsilon_is_folded_into_the_variances(scene: Path, bn_eps: float) -> None:
    """Down to variances that would fall below zero: there the scale takes up the rest."""
    network = Darknet(CFG, bn_eps=bn_eps).eval()
    norm = network.layers[0].norm
    norm.running_var.copy_(torch.tensor([1.0, 1e-1, 1e-3, 1e-5, 5e-6, 1e-6, 2e-2, 3.0]))
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.running_mean)
    save_checkpoint("run", network, ModelCard(image_size=(32, 64)))
    assert main(["convert", "run", "back"]) == 0
    again = Darknet("back/back.cfg").eval()
    load_darknet_weights(again, "back/back.weights")
    assert (again.layers[0].norm.running_var >= 0).all()
    images = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        torch.testing.assert_close(again(images)[0], network(images)[0], rtol=2e-5, atol=1e-4)
    if bn_eps == 1e-5:
        assert torch.equal(again.layers[0].norm.running_var, norm.running_var)


@pytest.mark.parametrize("form", ["darknet", "sigmoid"])
@pytest.mark.parametrize("kind", ["per_feature", "per_channel"])
@pytest.mark.parametrize("normalization", ["", "weights_normalization=relu\n", "weights_normalizion=softmax\n"])
def test_the_weights_of_shortcuts_are_written(scene: Path, form: str, kind: str, normalization: str) -> None:
    shortcut = (
        f"[convolutional]\nfilters=8\nactivation=linear\n[shortcut]\nfrom=-2\nweights_type={kind}\n{normalization}"
    )
    text = CFG.replace("[convolutional]\nfilters=21", f"{shortcut}[convolutional]\nfilters=21")
    network = Darknet(text, shortcut_weights=form).eval()
    torch.nn.init.normal_(network.layers[2].weights)
    save_checkpoint("run", network, ModelCard(image_size=(32, 64)))
    assert main(["convert", "run", "back"]) == 0
    again = Darknet("back/back.cfg").eval()
    load_darknet_weights(again, "back/back.weights")
    images = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        torch.testing.assert_close(again(images)[0], network(images)[0], rtol=1e-5, atol=1e-5)
    if form == "darknet":
        assert again.cfg_text == text


def test_the_number_of_images_seen_and_the_version_come_back(scene: Path) -> None:
    network = Darknet(CFG)
    header = WeightsHeader((0, 2, 0), 14_231_680)
    save_darknet_weights(network, "seen.weights", header=header)
    assert main(["convert", "small.cfg", "run", "--weights", "seen.weights"]) == 0
    assert load_checkpoint("run")[0].weights_header == header
    assert main(["convert", "run", "back"]) == 0
    assert Path("back/back.weights").read_bytes() == Path("seen.weights").read_bytes()


def test_a_header_that_is_none_is_told(scene: Path) -> None:
    network = Darknet(CFG)
    for version, seen in (((0, 2, 2**40), 0), ((0, 2, 0), -1)):
        with pytest.raises(ValueError, match="is no header of a Darknet weights file"):
            WeightsHeader.from_metadata(WeightsHeader(version, seen).to_metadata())
    with pytest.raises(ValueError, match="is no header of a Darknet weights file"):
        WeightsHeader.from_metadata({"darknet_version": "1.2"})
    keep_header(network, WeightsHeader((0, 2, 0), 7))
    save_checkpoint("run", network, ModelCard(image_size=(32, 64)))
    assert header_of(load_checkpoint("run", Darknet(CFG))[0]) == WeightsHeader((0, 2, 0), 7)  # handed in, too


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["small.cfg", "run"], "small.cfg is a network without its weights; add --weights FILE"),
        (["small.cfg", "small.names", "--weights", "small.weights"], "output small.names is a file"),
        (["small.cfg", "run", "--weights", "small.cfg"], "small.cfg"),
        (["nowhere", "run"], "nowhere"),
        (["compact", "run"], "only networks that Darknet has can be converted"),
        (["yolov3_tiny", "run"], "yolov3_tiny has random weights"),
    ],
)
def test_refuses_in_one_line(scene: Path, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    save_checkpoint("compact", YOLOv3(2, width=0.1), ModelCard())
    assert main(["convert", *words]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not Path("run").exists()


def test_adapted_cfg_refuses_other_numbers_of_anchors() -> None:
    with pytest.raises(ValueError, match=r"yolov3-tiny.cfg has three anchors per scale"):
        adapted_cfg("yolov3-tiny.cfg", 2, Anchors((((9, 9),), ((5, 5),)), (32, 16)))
    with pytest.raises(ValueError, match="num_classes is 0"):
        adapted_cfg("yolov3.cfg", 0)
