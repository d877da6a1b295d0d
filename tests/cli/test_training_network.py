"""What `yolo3 train` is told by name: the network's own image size, weights for other classes, advice that helps."""

from collections.abc import Callable
from pathlib import Path

import pytest

from yolo3 import Darknet, save_darknet_weights
from yolo3.checkpoint import read_card
from yolo3.cli import main
from yolo3.cli.training_network import choose_image_size
from yolo3.data.shapes import write_shapes


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """A Pascal VOC data set of 8 + 4 drawn images of 3 classes."""
    write_shapes(tmp_path / "shapes", num_train=8, num_test=4, image_size=(64, 64))
    return tmp_path / "shapes"


MakeCfg = Callable[..., str]

QUICK = ["--batch-size", "4", "--epochs", "1", "--num-workers", "0", "--precision", "fp32"]


def test_a_cfg_is_trained_at_its_own_size(shapes: Path, tmp_path: Path, one_stage_cfg: MakeCfg) -> None:
    """56 x 40 at stride 8, which no multiple of 32 is."""
    (tmp_path / "net.cfg").write_text(one_stage_cfg((56, 40), stride=8))
    run = tmp_path / "run"
    assert main(["train", str(shapes), "--model", str(tmp_path / "net.cfg"), "--output", str(run), *QUICK]) == 0
    assert read_card(run).image_size == (56, 40)
    assert main(["evaluate", str(run), str(shapes), "--output", str(tmp_path / "evaluation")]) == 0


def test_many_scales_are_multiples_of_the_stride(shapes: Path, tmp_path: Path, one_stage_cfg: MakeCfg) -> None:
    """A cfg of stride 64 took sizes that are multiples of 32, and ended after its first epoch."""
    (tmp_path / "net.cfg").write_text(one_stage_cfg((128, 192), stride=64))
    words = ["train", str(shapes), "--model", str(tmp_path / "net.cfg"), "--output", str(tmp_path / "run"), *QUICK]
    assert main([*words, "--multi-scale", "--epochs", "12"]) == 0


@pytest.mark.parametrize(
    ("model", "image_size", "size", "stride"),
    [
        ("yolov3_nano", None, (416, 416), 32),
        ("yolov3_tiny", None, (416, 416), 32),
        ("yolov3_spp", None, (608, 608), 32),
        ("yolov3_nano", 320, (320, 320), 32),
        ("yolov3_nano", (320, 416), (320, 416), 32),
        ("net.cfg", None, (128, 192), 64),
        ("net.cfg", 256, (256, 256), 64),
    ],
)
def test_the_size_of_the_network_input(
    model: str,
    image_size: int | tuple[int, int] | None,
    size: tuple[int, int],
    stride: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    one_stage_cfg: MakeCfg,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.cfg").write_text(one_stage_cfg((128, 192), stride=64))
    assert choose_image_size(model, 1.0, image_size, False) == (size, [size])
    chosen, sizes = choose_image_size(model, 1.0, image_size, True)
    assert chosen == size
    assert len(sizes) > 1
    assert size in sizes
    assert all(edge % stride == 0 for each in sizes for edge in each)
    assert choose_image_size("yolov1", 1.0, None, False) == ((448, 448), [(448, 448)])


@pytest.mark.parametrize(
    ("anchors", "advice"),
    [
        ((3,), "write classes=3, and in the [convolutional] before it filters=24\n"),
        ((2,), "write classes=3, and in the [convolutional] before it filters=16\n"),
        ((2, 2), "write classes=3, and in the [convolutional] before it filters=16\n"),
        ((3, 1), "in the [convolutional] before it filters=24 (line 13) and filters=8 (line 23)\n"),
    ],
)
def test_the_advice_on_filters_counts_the_anchors_of_each_mask(
    anchors: tuple[int, ...],
    advice: str,
    shapes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    one_stage_cfg: MakeCfg,
) -> None:
    """(5 + 3 classes) for every anchor of the mask; following the advice gives a cfg that trains."""
    wrong, right = (one_stage_cfg((64, 64), 32, anchors, num_classes) for num_classes in (2, 3))
    (tmp_path / "net.cfg").write_text(wrong)
    words = ["train", str(shapes), "--model", str(tmp_path / "net.cfg"), "--output", str(tmp_path / "run"), *QUICK]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "net.cfg is for 2 classes, the data set has 3" in told
    assert advice in told
    for number, line in enumerate(wrong.splitlines(), start=1):
        if f"(line {number})" in told:
            assert line.startswith("filters=")
            assert right.splitlines()[number - 1] in told


def test_weights_of_another_number_of_classes(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], one_stage_cfg: MakeCfg
) -> None:
    """The message names the option that goes on, and it does."""
    (tmp_path / "net.cfg").write_text(one_stage_cfg((64, 64), 32, (3, 1)))
    other = Darknet(one_stage_cfg((64, 64), 32, (3, 1), num_classes=80))
    save_darknet_weights(other, tmp_path / "other.weights")
    words = ["train", str(shapes), "--model", str(tmp_path / "net.cfg"), "--output", str(tmp_path / "run"), *QUICK]
    words += ["--weights", str(tmp_path / "other.weights")]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.endswith("layers=1, in yolo3 train --weights-layers 1\n")
    assert not (tmp_path / "run").exists()
    assert main([*words, "--weights-layers", "1"]) == 0
    assert "partial: 1 of 3 layers, 248 floats" in capsys.readouterr().out
    assert (
        main(
            [
                "train",
                str(shapes),
                *QUICK,
                "--width",
                "0.125",
                "--weights",
                str(tmp_path / "run"),
                "--weights-layers",
                "1",
            ]
        )
        == 2
    )
    assert "--weights-layers is for a .weights file" in capsys.readouterr().err
