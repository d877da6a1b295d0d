"""`yolo3 train`, from a data set to a folder that can be used."""

import json
import re
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

from yolo3 import Predictor, YOLOv3, save_darknet_weights
from yolo3.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from yolo3.cli import main
from yolo3.cli.split_choice import choose_splits
from yolo3.cli.splits import check_images, open_splits
from yolo3.cli.train import build_detector, build_loss, images_seen
from yolo3.cli.training_run import choose_batch_size
from yolo3.darknet.weights_header import WeightsHeader
from yolo3.data import open_dataset
from yolo3.data.shapes import write_shapes
from yolo3.losses import RegionLoss, YoloV1Loss
from yolo3.system.hardware import Hardware

FAST = ["--model", "yolov3_compact", "--width", "0.125", "--image-size", "64", "--batch-size", "4"]
FAST += ["--num-workers", "0", "--precision", "fp32"]


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """A Pascal VOC data set of 8 + 4 drawn images."""
    write_shapes(tmp_path / "shapes", num_train=8, num_test=4, image_size=(64, 64))
    return tmp_path / "shapes"


def test_a_training_leaves_what_detects_and_can_be_repeated(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"

    assert main(["train", str(shapes), "--epochs", "2", "--output", str(run), *FAST]) == 0

    output = capsys.readouterr().out
    assert "8 images" in output
    assert re.search(r"^network        yolov3_compact, width 0.125, 75\d,\d{3} parameters$", output, re.MULTILINE)
    assert "input          64 x 64 pixels, 4 images per batch, 2 steps per epoch\n" in output
    assert "device         cpu, 1 thread, float32\n" in output
    assert "learning rate  0.001 at its peak\n" in output  # 2e-3 at 16 images per step, by the square root
    assert "few steps" not in output  # batches could hardly be smaller
    assert "training for 2 epochs; each leaves a line here, AP is measured next after epoch 2\n" in output
    assert output.endswith(f"next: yolo3 evaluate {run}, for charts and the worst images; yolo3 detect {run} IMAGES\n")
    assert "to keep        the last epoch\n" in output  # since the test split measures
    assert "measuring the checkpoint, epoch 2, the last, on 4 images" in output
    assert "epoch   2/2" in output
    assert "all classes" in output
    metrics = json.loads((run / "metrics.json").read_text())
    assert {"AP", "AP50", "AP75", "APs", "AR100", "per_class"} <= metrics.keys()
    origin = f"Pascal VOC data set {shapes}, split 'test'"
    assert metrics["selection"] == {"keep": "last", "epoch": 2, "evaluations": 1, "measured_on": origin}
    assert (run / "losses.png").stat().st_size > 1000
    assert Predictor.from_checkpoint(run).image_size == (64, 64)
    again = yaml.safe_load((run / "config.yaml").read_text())
    assert (again["data"], again["width"], again["epochs"]) == (str(shapes), 0.125, 2)

    other, kept = tmp_path / "other", tmp_path / "kept"
    assert main(["train", "--config", str(run / "config.yaml"), "--output", str(other), "--cache", str(kept)]) == 0
    assert len(list(kept.iterdir())) == 1
    one, two = load_checkpoint(run / "last")[0], load_checkpoint(other / "last")[0]
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_an_interrupted_training_goes_on(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("yolo3.training.StopOnSignal.on_train_batch_start", _press, raising=True)
        assert main(["train", str(shapes), "--epochs", "2", "--output", str(run), *FAST]) == 130
    captured = capsys.readouterr()
    assert "interrupted" in captured.err
    assert f"stopped; to go on: yolo3 train --config {run / 'config.yaml'} --resume\n" in captured.out

    assert main(["train", str(shapes), "--epochs", "2", "--output", str(run), *FAST]) == 2
    assert "holds a training; go on with --resume, or pass --overwrite" in capsys.readouterr().err
    assert main(["train", "--config", str(run / "config.yaml"), "--resume", "--seed", "1"]) == 2
    assert "was begun with seed 0, not 1" in capsys.readouterr().err
    assert main(["train", "--config", str(run / "config.yaml"), "--resume"]) == 0
    captured = capsys.readouterr()
    assert "going on after 0 of 2 epochs;" in captured.out
    assert "epoch   2/2" in captured.out


def test_a_finished_training_may_have_more_epochs(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(["train", str(shapes), "--epochs", "1", "--output", str(run), *FAST]) == 0
    go_on = ["train", "--config", str(run / "config.yaml"), "--resume"]
    capsys.readouterr()

    assert main(go_on) == 0
    assert "already finished: 1 epoch of 1 done; --epochs with a larger number goes on\n" in capsys.readouterr().out
    assert main([*go_on, "--epochs", "2"]) == 0
    assert "going on after 1 of 2 epochs;" in capsys.readouterr().out
    assert yaml.safe_load((run / "config.yaml").read_text())["epochs"] == 2
    assert main([*go_on, "--epochs", "1"]) == 2
    assert f"epochs is 1, but {run} has 2 behind it; give as many at least" in capsys.readouterr().err
    assert yaml.safe_load((run / "config.yaml").read_text())["epochs"] == 2
    (shapes / "ImageSets" / "Main" / "train.txt").write_text(
        "\n".join((shapes / "ImageSets" / "Main" / "train.txt").read_text().split()[:5])
    )
    assert main([*go_on, "--epochs", "3"]) == 2
    assert "the data to train on is not what this training started with: 8 images" in capsys.readouterr().err


def test_a_step_of_more_images_than_there_are_is_said(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--epochs", "1", "--output", str(tmp_path / "run"), "--nominal-batch", "64", *FAST]
    assert main(["train", str(shapes), *words]) == 0
    assert "nominal batch  64, but an epoch has 8 images: a step takes all\n" in capsys.readouterr().out


def test_an_auto_batch_a_nominal_batch_a_frozen_backbone_and_patience(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, run = YOLOv3(3, width=0.125), tmp_path / "run"
    save_checkpoint(tmp_path / "before", before, ModelCard(("circle", "square", "triangle")))
    options = ["--weights", str(tmp_path / "before"), "--freeze-backbone", "1", "--epochs", "1", "--patience", "1"]
    options += ["--output", str(run), *FAST, "--batch-size", "auto", "--nominal-batch", "8"]

    assert main(["train", str(shapes), *options]) == 0

    output = capsys.readouterr().out
    assert "batch size 8: memory is not what limits it on cpu" in output
    assert "few steps      1 in all; --batch-size 4 takes more, often to a higher AP\n" in output
    again = yaml.safe_load((run / "config.yaml").read_text())
    assert (again["batch_size"], again["nominal_batch"], again["freeze_backbone"], again["patience"]) == (8, 8, 1, 1)
    shutil.rmtree(tmp_path / "before")
    assert main(["train", "--config", str(run / "config.yaml"), "--resume"]) == 0
    after = load_checkpoint(run)[0]
    assert torch.equal(after.backbone[0].conv.weight, before.backbone[0].conv.weight)
    assert not torch.equal(after.coarse_head.predict.weight, before.coarse_head.predict.weight)


def test_what_fits_on_a_gpu_is_tried_at_the_largest_size(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fits(task: object, data: SimpleNamespace, *, most: int, **_: object) -> int:
        assert (data.image_sizes, most) == ([(96, 64)], 64)
        return 32

    monkeypatch.setattr("yolo3.training.largest_batch_size", fits)
    monkeypatch.setattr("yolo3.system.devices.choose_device", torch.device)  # this machine need not have one
    data = SimpleNamespace(image_sizes=[(64, 64), (96, 64), (32, 96)])

    assert choose_batch_size(None, data, Hardware("cuda:0"), None) == 32

    assert data.image_sizes == [(64, 64), (96, 64), (32, 96)]
    assert "batch size 32: the largest power of two that fits in the memory of cuda:0, 64 at most" in (
        capsys.readouterr().out
    )


def test_a_training_that_died_early_begins_anew(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()

    assert main(["train", str(shapes), "--output", str(tmp_path / "run"), "--resume"]) == 2

    assert "holds no last.ckpt to go on with; pass --overwrite in place of --resume" in capsys.readouterr().err


def _press(*_: object) -> None:
    """As a person would, in the first step."""
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--image-size", "100"], "image size 100 x 100 is not a multiple of 32; try 96 x 96"),
        (["--epochs", "0"], "epochs is 0; it must be at least 1"),
        (["--model", "yolov9", "--width", "1"], "no model 'yolov9'; choose yolov3, yolov3_compact, yolov3_nano"),
        (
            ["--loss", "mse"],
            "--loss: 'mse' is not one of yolo, multi-anchor, focal-giou, darknet, quality, region (see",
        ),
        (["--batch-size", "0"], "batch_size is 0; it must be at least 1"),
        (["--batch-size", "all"], "--batch-size: 'all' is not a whole number or auto (see"),
        (["--nominal-batch", "3"], "nominal_batch is 3, a batch already has 4 images; lower batch_size or leave"),
        (["--patience", "0"], "patience is 0; it must be at least 1"),
        (["--num-workers", "-1"], "num_workers is -1; it must be at least 0"),
        (["--seed", "9223372036854775808"], "seed is 9223372036854775808; it must be at most 9223372036854775807"),
        (["--mosaic", "-1"], "mosaic is -1; a probability lies in [0, 1]"),
        (["--mixup", ".nan"], "mixup is nan; a probability lies in [0, 1]"),
        (["--learning-rate", "0"], "learning_rate is 0; it must be above 0"),
        (["--learning-rate", ".inf"], "learning_rate is inf; it must be above 0 and finite"),
        (["--width", "-1"], "width is -1; it must be above 0"),
        (["--freeze-backbone", "1"], "freeze_backbone is 1; it keeps what the backbone has from --weights: give both"),
        (["--model", "yolov1"], "image size 64 x 64 is not a multiple of 448"),
        (["--model", "yolov1", "--image-size", "896"], "yolov1 takes images of 448 x 448 only; leave out --image-size"),
        (
            ["--model", "yolov1", "--image-size", "448", "--multi-scale"],
            "yolov1 takes images of 448 x 448 only; leave out --multi-scale",
        ),
        (["--weights-layers", "74"], "weights_layers is 74; it says how much of --weights to read: give both"),
        (["--weights-layers", "0"], "weights_layers is 0; it must be at least 1"),
        (["--resume"], "--resume goes on with a training that stopped, and"),
        (["--train-split", "moon"], "moon"),
        (["--weights", "nowhere"], "nowhere"),
        (["--device", "abacus"], "device 'abacus' cannot be used"),
        (["--device", "meta"], "device meta cannot train; choose auto, cpu or cuda"),
        (["--cache", __file__], "test_train.py is a file; name a folder, or say memory"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], complaint: str
) -> None:
    run = tmp_path / "run"

    assert main(["train", str(shapes), "--output", str(run), *FAST, *options]) == 2

    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not run.exists()


@pytest.mark.parametrize(("split", "purpose"), [("train", "train"), ("test", "measure")])
def test_a_split_without_objects_stops_before_it_starts(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], split: str, purpose: str
) -> None:
    for name in (shapes / "ImageSets" / "Main" / f"{split}.txt").read_text().split():
        path = shapes / "Annotations" / f"{name}.xml"
        path.write_text(re.sub("<object>.*</object>", "", path.read_text(), flags=re.DOTALL))

    assert main(["train", str(shapes), "--output", str(tmp_path / "run"), *FAST]) == 2

    assert f"images to {purpose} on has an object; look at {shapes}" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("is_weights", [False, True])
def test_what_is_read_is_never_overwritten(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], is_weights: bool
) -> None:
    (tmp_path / "out").mkdir()
    place = (tmp_path / "out" / "before") if is_weights else shapes.rename(tmp_path / "out" / "shapes")
    named = [str(shapes), "--weights", str(place)] if is_weights else [str(place)]
    if is_weights:
        place.mkdir()
        (place / "model.json").touch()

    assert main(["train", *named, "--output", str(tmp_path / "out"), "--overwrite", *FAST]) == 2

    assert f"{place} is in the output folder {tmp_path / 'out'}, which would be emptied" in capsys.readouterr().err
    assert place.is_dir()


def test_nor_is_the_folder_one_is_in(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / "work").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "home" / "work")

    assert main(["train", str(shapes), "--output", "..", "--overwrite", *FAST]) == 2

    assert "is in the output folder .., which would be emptied; name another" in capsys.readouterr().err


@pytest.mark.parametrize("text", [None, "", "a: [1", "[1]"])
def test_a_run_without_its_options_cannot_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    (tmp_path / "last.ckpt").touch()
    if text is not None:
        (tmp_path / "config.yaml").write_text(text)

    assert main(["train", "shapes", "--output", str(tmp_path), "--resume"]) == 2

    assert f"{tmp_path / 'config.yaml'} is missing or damaged" in capsys.readouterr().err


def test_a_truncated_image_stops_before_it_starts(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = sorted((shapes / "JPEGImages").glob("*.jpg"))[0]
    image.write_bytes(image.read_bytes()[:-400])

    assert main(["train", str(shapes), "--output", str(tmp_path / "run"), *FAST]) == 2

    error = capsys.readouterr().err
    assert f"{image}: the image is damaged" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_large_data_sets_have_their_headers_read(shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = open_dataset(shapes, "test")
    monkeypatch.setattr("yolo3.cli.splits._READ_WHOLE", 0)
    check_images(samples)
    with pytest.raises(ValueError, match=r"the image has 64 x 64 pixels, more than 0\.004 megapixels"):
        check_images(samples, max_megapixels=0.004)

    samples.sizes[2] = (32, 64)
    with pytest.raises(ValueError, match=r"the image is \(64, 64\), its annotation says \(32, 64\)"):
        check_images(samples)


@pytest.mark.parametrize(
    ("available", "chosen"),
    [
        (["test", "train", "trainval", "val"], ("trainval", "test")),
        (["test", "train", "val"], ("train", "val")),
        (["train2017", "val2017"], ("train2017", "val2017")),
        (["test", "train"], ("train", "test")),
        (["train", "valid"], ("train", "valid")),
        (["trainval"], ("trainval", None)),
        ([], (None, None)),
    ],
)
def test_which_splits_are_chosen(available: list[str], chosen: tuple[str | None, str | None]) -> None:
    assert choose_splits(available) == chosen


def test_splits_that_are_named_are_taken() -> None:
    assert choose_splits(["train", "val", "test"], "val", None) == ("val", "test")
    assert choose_splits(["train", "val", "test"], None, "train") == ("train", "train")


def test_every_tenth_image_is_held_out_where_nothing_else_is(shared: Path) -> None:
    train, validation = open_splits(shared / "data" / "fruits_coco", None, None, None)

    assert (len(train), len(validation)) == (16, 2)
    assert not {sample.image for sample in train} & {sample.image for sample in validation}


def test_no_images_to_measure_on(shapes: Path) -> None:
    (shapes / "ImageSets" / "Main" / "test.txt").write_text("")

    with pytest.raises(ValueError, match="no image to measure on; choose --train-split and --val-split"):
        open_splits(shapes, None, None, None)


def test_starts_from_a_checkpoint_of_other_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = YOLOv3(20, width=0.125)
    save_checkpoint(tmp_path, before, ModelCard())

    detector = build_detector("yolov3_compact", 3, 0.125, tmp_path)

    assert torch.equal(detector.backbone[0].conv.weight, before.backbone[0].conv.weight)
    assert "of" in capsys.readouterr().out
    with pytest.raises(ValueError, match="choose the --model and --width it has"):
        build_detector("yolov3_compact", 3, 0.25, tmp_path)


def test_presets_take_the_classes_of_the_data() -> None:
    tiny = build_detector("yolov3_tiny", 3, 1.0, None)

    assert (tiny.num_classes, len(tiny.anchors)) == (3, 2)
    assert build_detector("yolov3", 3, 0.125, None).conv_set_depth == 5
    with pytest.raises(ValueError, match=r"--width 0\.5 does not go with yolov3_tiny, which has its own"):
        build_detector("yolov3_tiny", 3, 0.5, None)


def test_every_loss_has_its_name() -> None:
    detector = build_detector("yolov3_nano", 3, 1.0, None)

    names = (None, "yolo", "multi-anchor", "focal-giou", "darknet", "quality", "region")
    losses = [type(build_loss(name, detector)).__name__ for name in names]
    assert losses == [
        "FocalGIoULoss",
        "YoloLoss",
        "MultiAnchorLoss",
        "FocalGIoULoss",
        "DarknetLoss",
        "QualityLoss",
        "RegionLoss",
    ]
    yolov1 = build_detector("yolov1", 3, 0.125, None)
    assert build_loss(None, yolov1) == YoloV1Loss(3)
    with pytest.raises(ValueError, match="yolov1 has a loss of its own"):
        build_loss("yolo", yolov1)


def test_a_cfg_says_its_own_classes_and_width(shared: Path) -> None:
    cfg, weights = (shared / "weights" / f"yolo-fastest-1.1.{kind}" for kind in ("cfg", "weights"))

    detector = build_detector(str(cfg), 80, 1.0, weights)
    untrained = build_detector(str(cfg), 80, 1.0, None)

    assert not torch.equal(next(detector.parameters()), next(untrained.parameters()))
    with pytest.raises(ValueError, match=r"is for 80 classes, the data set has 3; in every .yolo. write classes=3"):
        build_detector(str(cfg), 3, 1.0, None)
    with pytest.raises(ValueError, match=r"--width 0.5 does not go with .*yolo-fastest-1.1.cfg"):
        build_detector(str(cfg), 80, 0.5, None)


def test_an_overfit_check_comes_first(shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", str(shapes), "--epochs", "1", "--output", str(tmp_path / "run"), "--overfit-check", *FAST]

    assert main([*command, "--learning-rate", "1e-9"]) == 2
    captured = capsys.readouterr()
    assert "overfit check, one batch of 4 images with" in captured.out
    assert "error: overfit check: the loss of one batch went from" in captured.err
    assert "check the learning rate" in captured.err
    assert not (tmp_path / "run").exists()

    assert main(command) == 0
    assert "in 50 steps: the pipeline can learn" in capsys.readouterr().out


def test_images_that_weights_have_seen(tmp_path: Path) -> None:
    network = YOLOv3(3, width=0.125)
    save_darknet_weights(network, tmp_path / "a.weights", header=WeightsHeader(seen=700))
    save_checkpoint(tmp_path / "run", network, ModelCard())
    assert images_seen(None) == 0
    assert images_seen(tmp_path / "a.weights") == 700
    assert images_seen(tmp_path / "run") == 12_800


def test_yolov2_is_trained_with_its_prior(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two epochs of eight images, the first of which have the prior."""
    monkeypatch.setattr("yolo3.training.region_prior.PRIOR_IMAGES", 8)
    conv = "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride={}\npad=1\nactivation=leaky\n"
    head = "[convolutional]\nfilters=16\nsize=1\nactivation=linear\n"
    head += "[region]\nanchors=1,1, 2,2\nclasses=3\nnum=2\nsoftmax=1\n"
    cfg = tmp_path / "v2.cfg"
    cfg.write_text("[net]\nwidth=64\nheight=64\n" + conv.format(8) + conv.format(4) + head)
    weights: list[float] = []
    real = RegionLoss.terms_of

    def terms_of(self: RegionLoss, pairs: Any) -> dict[str, torch.Tensor]:
        weights.append(self.prior_weight)
        return real(self, pairs)

    monkeypatch.setattr(RegionLoss, "terms_of", terms_of)
    options = ["--epochs", "2", "--batch-size", "4", "--num-workers", "0", "--precision", "fp32"]

    assert main(["train", str(shapes), "--model", str(cfg), *options, "--output", str(tmp_path / "run")]) == 0

    assert weights[:4] == [0.01, 0.01, 0.0, 0.0]
