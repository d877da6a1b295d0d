"""`yolo3 anchors --output` and `yolo3 train --anchors`."""

import json
from pathlib import Path

import pytest
import torch

from yolo3.boxes import COCO_ANCHORS, Anchors, InputFormat
from yolo3.checkpoint import load_checkpoint, read_card
from yolo3.cli import main
from yolo3.cli.refitting import Refit, network_sizes, read_anchors, write_anchors
from yolo3.darknet import Darknet, refitted_cfg
from yolo3.data import open_dataset
from yolo3.data.shapes import write_shapes

_SMALL = "--image-size 64 --epochs 1 --batch-size 4 --num-workers 0 --augmentation none".split()


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "shapes"
    write_shapes(folder, num_train=12, num_test=4, image_size=(64, 64))
    return folder


def _train(shapes: Path, output: Path, *words: str) -> int:
    return main(["train", str(shapes), "--output", str(output), *_SMALL, *words])


def test_a_fitted_file_is_trained_with(shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, run = tmp_path / "fitted.json", tmp_path / "run"
    assert main(["anchors", str(shapes), "--image-size", "64", "--starts", "2", "--output", str(file)]) == 0
    assert f"to train with them: yolo3 train {shapes} --anchors {file}\n" in capsys.readouterr().out
    sizes = network_sizes(open_dataset(shapes, "train"), InputFormat((64, 64)))
    expected = Anchors.fit(sizes, starts=2)
    assert read_anchors(file, InputFormat((64, 64))) == expected

    assert _train(shapes, run, "--width", "0.125", "--anchors", str(file)) == 0

    assert f"anchors: those of {file}\n" in capsys.readouterr().out
    detector, card = load_checkpoint(run)
    assert card.anchors == expected
    assert detector.anchors == expected
    assert main(["info", str(run), "--layers", "false"]) == 0
    width, height = expected.sizes[0][0]
    assert f"stride 32   anchors {width:g} x {height:g}" in capsys.readouterr().out


def test_auto_fits_those_of_a_cfg_too_and_a_resumed_training_keeps_them(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert _train(shapes, run, "--model", "yolov3_tiny", "--anchors", "auto") == 0
    assert "anchors: fitted, mean best IoU 0." in capsys.readouterr().out
    anchors = Anchors.fit(network_sizes(open_dataset(shapes, "train"), InputFormat((64, 64))), 2, strides=(32, 16))
    assert read_card(run).anchors == anchors
    assert Darknet(read_card(run).architecture["cfg"]).anchors == anchors

    kept = json.loads((run / "anchors.json").read_text())
    assert kept["anchors"] == [[list(size) for size in scale] for scale in anchors.sizes]
    kept["anchors"][0][0] = [50, 51]  # whatever another machine would fit, those of the file count
    (run / "anchors.json").write_text(json.dumps(kept))
    (run / "last.ckpt").touch()
    assert main(["train", "--config", str(run / "config.yaml"), "--resume"]) in (0, 2)
    assert f"anchors: those of {run / 'anchors.json'}\n" in capsys.readouterr().out


def test_auto_keeps_anchors_that_fit_better(shapes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = open_dataset(shapes, "train")
    sizes = network_sizes(samples, InputFormat((64, 64)))
    refit = Refit("auto", samples, InputFormat((64, 64)), seed=0)
    best = Anchors.fit(sizes, seed=0)
    assert refit(best) == best
    assert "anchors: the network's own, mean best IoU 0." in capsys.readouterr().out
    fitted = refit(COCO_ANCHORS)
    assert fitted == best
    assert fitted.best_iou(sizes).mean() > COCO_ANCHORS.best_iou(sizes).mean()
    assert "the network's own reach 0." in capsys.readouterr().out


def test_how_far_centres_reach_stays_the_network_s(shapes: Path) -> None:
    own = Anchors(COCO_ANCHORS.sizes, xy_scales=(1.2, 1.1, 1.05))
    assert Refit("auto", open_dataset(shapes, "train"), InputFormat((64, 64)), 0)(own).xy_scales == (1.2, 1.1, 1.05)


@pytest.mark.parametrize(
    ("words", "content", "complaint"),
    [
        (["--anchors", "nope.json"], None, "--anchors nope.json: no such file; give auto, or a file of yolo3 anchors"),
        ([], "{}", "a.json holds no anchors; give auto, or a file of yolo3 anchors --output"),
        ([], "anchors = 10,13", "a.json holds no anchors; give auto, or a file of yolo3 anchors --output"),
        (
            ["--image-size", "96"],
            None,
            "a.json is for an input of 64 x 64 (height x width), letterbox default; train at this size, or fit anchors",
        ),
        (["--letterbox", "stretch"], None, "a.json is for an input of 64 x 64 (height x width), letterbox default"),
        (
            ["--model", "yolov3_tiny"],
            None,
            "a.json has 3, 3, 3 anchors at strides 32, 16, 8, the network 3, 3 anchors at strides 32, 16; fit others",
        ),
        (["--model", "yolov1", "--image-size", "448"], None, "--anchors is for detectors with anchors; a YOLOv1 has"),
    ],
)
def test_anchors_that_do_not_fit_are_refused(
    shapes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    content: str | None,
    complaint: str,
) -> None:
    file = tmp_path / "a.json"
    write_anchors(file, COCO_ANCHORS, InputFormat((64, 64)), {})
    if content is not None:
        file.write_text(content)
    assert _train(shapes, tmp_path / "run", "--anchors", str(file), *words) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_cfg_gets_each_anchor_where_its_mask_says() -> None:
    """yolov3-tiny's heads share a list and both take place 3 of it: each has its own list then."""
    coarse = ((81.5, 82.0), (135.0, 169.0), (344.0, 319.0))
    fine = ((23.0, 27.0), (37.0, 58.0), (80.0, 81.0))
    anchors = Anchors((coarse, fine), (32, 16))
    network = Darknet("yolov3-tiny.cfg")
    refitted = Darknet(refitted_cfg(network, anchors))
    assert refitted.anchors == anchors
    changed = [
        (before, after)
        for before, after in zip(network.cfg_text.split("\n"), refitted.cfg_text.split("\n"), strict=True)
        if before != after
    ]
    assert [after for _, after in changed] == [
        "anchors=10,14, 23,27, 37,58, 81.5,82, 135,169, 344,319",
        "anchors=10,14, 23,27, 37,58, 80,81, 135,169, 344,319",
    ]


def test_heads_with_lists_of_their_own_keep_them() -> None:
    text = """
[net]
width=64
height=64
[convolutional]
filters=4
stride=32
[convolutional]
filters=6
activation=linear
[yolo]
classes=1
num=1
anchors=10,10
[route]
layers=0
[convolutional]
filters=12
activation=linear
[yolo]
mask=2,0
classes=1
num=3
anchors=1,1, 2,2, 3,3
"""
    network = Darknet(text)
    assert network.anchors.sizes == (((10, 10),), ((3, 3), (1, 1)))
    anchors = Anchors((((11, 12),), ((31, 32), (13, 14))), network.anchors.strides)
    refitted = refitted_cfg(network, anchors)
    assert Darknet(refitted).anchors == anchors
    assert "anchors=13,14, 2,2, 31,32" in refitted


def test_sizes_are_float(shapes: Path) -> None:
    assert network_sizes(open_dataset(shapes, "train"), InputFormat((64, 64))).dtype == torch.float32


def test_anchors_of_four_scales_make_a_network_of_four(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, run = tmp_path / "four.json", tmp_path / "run"
    fitting = ["--image-size", "64", "--starts", "2", "--strides", "32,16,8,4", "--per-scale", "1"]
    assert main(["anchors", str(shapes), *fitting, "--output", str(file)]) == 0
    assert _train(shapes, run, "--width", "0.125", "--anchors", str(file)) == 0
    detector, card = load_checkpoint(run)
    assert card.anchors == detector.anchors  # type: ignore[attr-defined]
    assert [tuple(scale.shape[1:4]) for scale in detector(torch.rand(1, 3, 64, 64))] == [
        (1, 64 // stride, 64 // stride) for stride in (32, 16, 8, 4)
    ]
    capsys.readouterr()
    assert (
        main(["detect", str(run), str(shapes / "JPEGImages/shapes_0001.jpg"), "--output", str(tmp_path / "out")]) == 0
    )
