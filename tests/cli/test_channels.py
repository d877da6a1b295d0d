"""Trainings on images of one and of four channels through the command line, and what is made of them."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from yolo3 import Predictor, load_checkpoint
from yolo3.cli import main
from yolo3.data import open_dataset
from yolo3.data.shapes import write_shapes

_SHORT = ("--epochs", "2", "--batch-size", "4", "--num-workers", "0", "--seed", "1")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _shapes(channels: int) -> str:
    write_shapes(Path(f"shapes{channels}"), 8, 4, (64, 64), channels=channels)
    return f"shapes{channels}"


def _trained(*words: str) -> tuple[dict, dict]:
    assert main(["train", *words, *_SHORT]) == 0
    run = words[words.index("--output") + 1]
    return json.loads(Path(run, "model.json").read_text()), load_checkpoint(run)[0].state_dict()


@pytest.mark.parametrize("channels", [1, 4])
def test_from_drawn_shapes_to_detections(
    small_cfg: Callable[..., str], channels: int, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _shapes(channels)
    Path("net.cfg").write_text(small_cfg(channels=channels))
    network = ("--model", "net.cfg", "--mosaic", "0.5", "--mixup", "0.3")
    card, weights = _trained(data, *network, "--output", "run")
    assert card["in_channels"] == channels
    told = capsys.readouterr().out
    assert told.count("augmentation: left out changes of saturation and hue, which need red, green and blue") == 1
    _, cached = _trained(data, *network, "--cache", "kept", "--output", "cached")
    assert all(torch.equal(weights[name], cached[name]) for name in weights)
    assert main(["train", "--config", "run/config.yaml", "--resume", "--epochs", "3"]) == 0

    assert main(["export", "run", "--output", "run.onnx", "--kind", "decoded"]) == 0
    assert "differ by at most" in capsys.readouterr().out
    held_out = open_dataset(data, "test")
    images = [str(sample.image) for sample in held_out]
    own, exported = (
        open_(min_score=0.001)
        for open_ in (
            lambda **settings: Predictor.from_checkpoint("run", device="cpu", precision="fp32", **settings),
            lambda **settings: Predictor.from_exported("run.onnx", **settings),
        )
    )
    found = own(images)
    assert sum(map(len, found))
    for one, other in zip(found, exported(images), strict=True):
        torch.testing.assert_close(one.boxes, other.boxes, atol=1e-2, rtol=1e-3)

    for model, more in (("run", ["--tile", "48"]), ("run.onnx", [])):
        assert main(["detect", model, *images, "--min-score", "0.01", "--output", f"found-{model}", *more]) == 0
        with Image.open(Path(f"found-{model}", Path(images[0]).name)) as drawn:
            assert (drawn.mode, drawn.size) == ("RGB", (64, 64))
    assert main(["evaluate", "run"]) == 0


def test_channels_of_a_preset(capsys: pytest.CaptureFixture[str]) -> None:
    data = _shapes(1)
    small = ("--width", "0.03125", "--image-size", "64")
    card, weights = _trained(data, *small, "--channels", "1", "--epochs", "1", "--output", "grey")
    assert card["architecture"]["in_channels"] == card["in_channels"] == 1
    assert yaml.safe_load(Path("grey/config.yaml").read_text())["channels"] == 1
    assert weights["backbone.0.conv.weight"].shape[1] == 1
    assert main(["show", data, "--channels", "1", "--image-size", "64", "--output", "sheet.png"]) == 0
    capsys.readouterr()
    assert main(["train", data, *small, "--weights", "grey", "--output", "colour"]) == 2
    told = capsys.readouterr().err
    assert "grey is for images of 1 channels, and the network takes 3; add --adapt-channels sum, or mean" in told
    assert told.count("\n") == 1
    words = [data, *small, "--weights", "grey", "--adapt-channels", "mean", "--output", "colour", *_SHORT]
    assert main(["train", *words, "--epochs", "1"]) == 0
    assert "channels: the weights of 1 become those of 3, their mean stays the same" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["shapes3", "--channels", "0"], "channels is 0; it must be at least 1"),
        (["shapes3", "--channels", "4"], ".jpg: the image has 3 channels, and the network takes 4; give images of 4"),
        (["shapes4", "--channels", "1"], ", the last of them transparency, and the network takes 1; save it without"),
        (
            ["shapes3", "--model", "grey.cfg", "--channels", "3"],
            "--channels 3 does not go with grey.cfg, which says chan",
        ),
        (["shapes3", "--model", "grey.cfg", "--adapt-channels", "sum"], "adapt_channels is sum; it says how to fit"),
        (
            ["shapes3", "--model", "grey.cfg", "--weights", "rgb.weights"],
            "for images of 3 channels, and the network takes 1",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(
    small_cfg: Callable[..., str], words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from yolo3 import Darknet, save_darknet_weights

    _shapes(int(words[0][-1]))
    Path("grey.cfg").write_text(small_cfg(channels=1))
    save_darknet_weights(Darknet(small_cfg(channels=3)), "rgb.weights")
    assert main(["train", *words, "--output", "run", *_SHORT]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not Path("run").exists()


def test_adapted_weights_begin_a_training(small_cfg: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    from yolo3 import Darknet, save_darknet_weights

    data = _shapes(1)
    Path("grey.cfg").write_text(small_cfg(channels=1))
    save_darknet_weights(Darknet(small_cfg(channels=3)), "rgb.weights")
    words = ["--model", "grey.cfg", "--weights", "rgb.weights", "--adapt-channels", "sum", "--output", "run"]
    assert _trained(data, *words)[0]["in_channels"] == 1
    assert "starting from rgb.weights: 2 of 2 layers" in capsys.readouterr().out


def test_a_video_for_a_grey_network(small_cfg: Callable[..., str]) -> None:
    from yolo3.checkpoint import ModelCard, save_checkpoint
    from yolo3.darknet import Darknet

    av = pytest.importorskip("av")
    with av.open("clip.mp4", "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 64
        for level in (60, 120):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for channels, status in ((1, 0), (4, 2)):
        save_checkpoint(f"run{channels}", Darknet(small_cfg(channels=channels)), ModelCard(image_size=(64, 64)))
        assert main(["detect", f"run{channels}", "clip.mp4", "--output", f"found{channels}"]) == status


def test_sixteen_bits_of_a_tiff(small_cfg: Callable[..., str], tmp_path: Path) -> None:
    from yolo3.darknet import Darknet

    values = np.random.default_rng(0).integers(0, 65536, (64, 64), dtype=np.uint16)
    cv2.imwrite("thermal.tif", values)
    predictor = Predictor(Darknet(small_cfg(channels=1)), device="cpu", precision="fp32")
    seen = predictor.prepare("thermal.tif").image
    torch.testing.assert_close(seen[0], torch.from_numpy((values / 65535).astype(np.float32)))


def test_images_of_other_channels_are_left_out_of_training_and_of_its_evaluation(
    small_cfg: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    data = _shapes(4)
    Path("net.cfg").write_text(small_cfg(channels=4))
    opaque = [open_dataset(data, split)[0].image for split in ("train", "test")]
    for path in opaque:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        rgb.save(path)
    words = ("train", data, "--model", "net.cfg", "--output", "run", *_SHORT)
    assert main([*words]) == 2
    assert opaque[0].name in capsys.readouterr().err

    assert main([*words, "--leave-out-faults"]) == 0

    told = capsys.readouterr().out
    assert "7 images" in told
    assert "3 images" in told
    assert main(["evaluate", "run"]) == 0
    told = capsys.readouterr().out
    assert "none of these 3 images" in told
