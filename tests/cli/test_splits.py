"""Which images train and which measure: the values are those that were asked for, or found by hand."""

import json
import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import yaml
from PIL import Image

from yolo3 import YOLOv3
from yolo3.checkpoint import ModelCard, Selection, save_checkpoint
from yolo3.cli import main
from yolo3.cli.announcements import what_is_kept
from yolo3.cli.split_choice import choose_splits, measures_test_split, measuring_split, training_split
from yolo3.cli.splits import open_run, open_splits, what_is_shared
from yolo3.data import open_dataset
from yolo3.data.shapes import SHAPES, write_shapes


@pytest.mark.parametrize(
    ("available", "asked", "chosen"),
    [
        (["test", "train", "trainval", "val"], (None, "val"), ("train", "val")),
        (["test", "train", "trainval", "val"], (None, "test"), ("trainval", "test")),
        (["test", "train", "trainval", "val"], (None, "mine"), ("train", "mine")),
        (["Train", "Test"], (None, None), ("Train", "Test")),
        (["Train", "Val"], (None, None), ("Train", "Val")),
        (["Train", "Validation"], (None, None), ("Train", "Validation")),
        (["custom_train", "custom_val"], (None, None), ("custom_train", "custom_val")),
        (["my_train", "my_test", "my_val"], (None, None), ("my_train", "my_val")),
        (["training", "dev", "test"], (None, None), ("training", "dev")),
        (["train", "mini_train", "val"], (None, None), ("train", "val")),
        (["trainval", "val"], ("trainval", None), ("trainval", None)),
        (["trainval", "val"], ("trainval", "val"), ("trainval", "val")),
        (["default"], (None, None), (None, None)),
        (["a", "b"], ("a", None), ("a", None)),
        (["val2017"], ("val2017", None), ("val2017", None)),
        (["train", "valid"], ("dev", None), ("valid", None)),
        (["train2017", "val2017"], ("val", "train"), ("val2017", "train2017")),
    ],
)
def test_which_splits_are_chosen(
    available: list[str], asked: tuple[str | None, str | None], chosen: tuple[str | None, str | None]
) -> None:
    assert choose_splits(available, *asked) == chosen
    assert choose_splits(tuple(reversed(available)), *asked) == chosen


@pytest.mark.parametrize(
    ("available", "val_split", "complaint"),
    [
        (["dev", "test"], None, "no split to train on among dev, test; name one with --train-split"),
        (["fit", "val"], None, "no split to train on among fit, val; name one with --train-split"),
        (["fit", "val"], "val", "no split to train on among fit, val"),
        (["a", "b"], None, "no split to train on among a, b"),
        (["test"], None, "no split to train on among test"),
        (["trainval", "val"], None, "'trainval' holds 'val' too, .*; --train-split trainval --val-split val trains on"),
        (["test", "trainval", "val"], "val", "'trainval' holds 'val' too"),
        (
            ["train2014", "train2017", "val2017"],
            None,
            "train2014 and train2017 are splits for train; name one with",
        ),
        (["train", "a_val", "b_val"], None, "a_val and b_val are splits for val; name one with --val-split"),
    ],
)
def test_splits_that_do_not_match_are_an_error(available: list[str], val_split: str | None, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        choose_splits(available, None, val_split)


def test_what_is_measured_and_fitted_where_nothing_is_said() -> None:
    assert measuring_split([]) is None
    assert measuring_split(["test"]) == "test"
    assert measuring_split(["val", "test"]) == "val"
    assert measuring_split(["test", "train", "trainval", "val"]) == "test"
    assert measuring_split(["train"]) is None
    assert measuring_split(["one", "two"]) is None
    assert measuring_split(["one", "two"], "one") == "one"
    with pytest.raises(ValueError, match="no split to measure on among holdout, train; name one with --split"):
        measuring_split(["train", "holdout"])
    assert training_split(["val"]) is None
    assert training_split(["val", "train"]) == "train"
    with pytest.raises(ValueError, match="no split to train on among dev, test; name one with --split"):
        training_split(["dev", "test"])


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """A Pascal VOC data set of 6 + 4 drawn images."""
    write_shapes(tmp_path / "shapes", num_train=6, num_test=4, image_size=(64, 64))
    return tmp_path / "shapes"


def _list(shapes: Path, split: str, *stems: str) -> None:
    (shapes / f"ImageSets/Main/{split}.txt").write_text("".join(f"{stem}\n" for stem in stems))


def _stems(shapes: Path, split: str) -> list[str]:
    return (shapes / f"ImageSets/Main/{split}.txt").read_text().split()


def test_it_never_trains_on_what_it_measures(shapes: Path) -> None:
    train, test = _stems(shapes, "train"), _stems(shapes, "test")
    _list(shapes, "trainval", *train, *test)
    _list(shapes, "val", *test)
    (shapes / "ImageSets/Main/train.txt").unlink()
    (shapes / "ImageSets/Main/test.txt").unlink()
    with pytest.raises(ValueError, match="'trainval' holds 'val' too"):
        open_splits(shapes, None, None, None)
    trained, measured = open_splits(shapes, None, "trainval", "val")
    assert [sample.image.stem for sample in trained] == train
    assert [sample.image.stem for sample in measured] == test
    assert "without 4 images that are measured on" in trained.summary()
    assert what_is_shared(trained, measured) == ""


def test_what_is_shared_is_said(shapes: Path) -> None:
    train, test = _stems(shapes, "train"), _stems(shapes, "test")
    _list(shapes, "val", *test, *train[:2])
    sets = open_splits(shapes, None, None, None)
    assert what_is_shared(*sets) == (
        "WARNING: 2 of the 6 images to measure on are trained on too; AP will be better than on new images"
    )
    assert what_is_shared(*open_splits(shapes, None, "train", "train")).startswith("WARNING: all 6 images to measure")


def test_training_says_what_is_shared_before_it_begins(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _list(shapes, "test", *_stems(shapes, "test"), *_stems(shapes, "train")[:1])
    options = [
        "--model",
        "yolov3_nano",
        "--image-size",
        "64",
        "--epochs",
        "1",
        "--batch-size",
        "2",
        "--num-workers",
        "0",
    ]

    assert main(["train", str(shapes), "--output", str(tmp_path / "run"), *options]) == 0

    told = capsys.readouterr().out
    assert "WARNING: 1 of the 5 images to measure on are trained on too" in told
    assert told.index("WARNING") < told.index("epoch") if "epoch" in told else True


def test_held_out_images_are_of_other_clips(tmp_path: Path) -> None:
    """12 clips of 20 near-equal frames: whole clips are held out, none is on both sides."""
    folder = tmp_path / "clips"
    (folder / "images").mkdir(parents=True)
    for clip in range(12):
        for frame in range(20):
            Image.new("RGB", (8, 8), (clip * 20, frame, 0)).save(folder / f"images/clip{clip:02}_{frame:03}.png")
            (folder / f"images/clip{clip:02}_{frame:03}.txt").write_text("0 .5 .5 .5 .5\n")
    (folder / "data.yaml").write_text("train: images\nnames: [a]\n")
    train, validation = open_splits(folder, None, None, None)
    clips = [{sample.image.stem[:6] for sample in samples} for samples in (train, validation)]
    assert not clips[0] & clips[1]
    assert (len(train), len(validation)) == (220, 20)
    assert validation.origin.endswith("split 'train', held out")


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A YOLO data set of 12 images with a box over the edge, an absent image, a faulty line and a damaged image."""
    folder = tmp_path / "faulty"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"images/{number:02}.png")
        (folder / f"images/{number:02}.txt").write_text("0 .5 .5 .5 .5\n1 .25 .25 .25 .25\n")
    (folder / "images/01.txt").write_text("0 .5 .5 .5 .5\n0 .96 .5 .27 .5\n")  # 6 pixels over the edge
    (folder / "images/02.txt").write_text("0 .1 .1 .2 .1 .2\n")
    whole = (folder / "images/03.png").read_bytes()
    (folder / "images/03.png").write_bytes(whole[: len(whole) // 2])
    names = [f"images/{number:02}.png" for number in range(12)]
    (folder / "train.txt").write_text("\n".join([*names[:8], "images/absent.png"]))
    (folder / "val.txt").write_text("\n".join(names[8:]))
    (folder / "data.yaml").write_text("train: train.txt\nval: val.txt\nnames: [a, b]\n")
    return folder


def test_faults_can_be_left_out(faulty: Path) -> None:
    with pytest.raises(ValueError, match=r"01\.txt:2: box \(52\.8, 16, 70\.08, 48\) lies outside its image"):
        open_splits(faulty, None, None, None)
    train, validation = open_splits(faulty, None, None, None, leave_out_faults=True)
    assert (len(train), len(validation)) == (7, 4)
    assert train.counts.tolist() == [6, 5]
    first, *lines = train.summary().replace(str(faulty), "SET").splitlines()
    assert "split 'train': 7 images (0 without objects, 1 whose objects were all left out), 11 boxes" in first
    assert sorted(line[:72] for line in lines) == [
        "left out: 1 x annotation that cannot be read; the first is SET/images/02.txt:1"[:72],
        "left out: 1 x box outside its image; the first is SET/images/01.txt:2: box (52.8"[:72],
        "left out: 1 x image that cannot be read; the first is SET/images/03.png: the p"[:72],
        "left out: SET/train.txt:9: no image images/absent.png",
    ]


def test_training_leaves_faults_out(faulty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", str(faulty), "--output", str(tmp_path / "run"), "--model", "yolov3_nano", "--image-size", "64"]
    words += ["--epochs", "1", "--batch-size", "2", "--num-workers", "0"]
    assert main(words) == 2
    assert "lies outside its image" in capsys.readouterr().err
    assert main([*words, "--leave-out-faults"]) == 0
    assert "left out: 1 x box outside its image" in capsys.readouterr().out
    run = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert len(open_run(run, 3)[0]) == 7
    assert main(["evaluate", str(tmp_path / "run")]) == 0  # on the same images
    assert "none of these 4 images" in capsys.readouterr().out


def test_conversion_leaves_faults_out(faulty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["convert-data", str(faulty), str(tmp_path / "out"), "--to", "coco"]
    assert main(words) == 2
    assert not (tmp_path / "out").exists()
    assert main([*words, "--leave-out-faults"]) == 0
    assert "left out: 1 x image that cannot be read" in capsys.readouterr().out
    assert len(open_dataset(tmp_path / "out", "train")) == 7


def test_conversion_says_what_it_drops(shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert-data", str(shapes), str(tmp_path / "one"), "--to", "coco"]) == 0
    path = tmp_path / "one/annotations/instances_train.json"
    content = json.loads(path.read_text())
    for annotation in content["annotations"]:
        annotation["segmentation"] = [[1, 1, 5, 1, 5, 5]]
    path.write_text(json.dumps(content))
    capsys.readouterr()
    assert main(["convert-data", str(tmp_path / "one"), str(tmp_path / "two"), "--to", "coco"]) == 0
    told = capsys.readouterr().out
    assert "lost: the ids of images, annotations and categories: all are renumbered" in told
    assert f"lost: 'segmentation' of {len(content['annotations'])} annotations" in told


def test_images_elsewhere_need_leave(shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/data.yaml").write_text(f"train: {shapes}/JPEGImages\nnames: [a]\n")
    for path in (shapes / "JPEGImages").iterdir():
        path.with_suffix(".txt").write_text("0 .5 .5 .5 .5\n")
    for command in ("check", "show"):
        words = [command, str(tmp_path / "set"), "--image-size", "64"]
        words += ["--output", str(tmp_path / "sheet.png")] if command == "show" else []
        assert main(words) != 0
        captured = capsys.readouterr()
        assert "outside the data set" in captured.out + captured.err
        assert main([*words, "--allow-outside"]) == 0
    with pytest.raises(ValueError, match="outside the data set"):
        open_splits(tmp_path / "set", None, None, None)
    assert sum(map(len, open_splits(tmp_path / "set", None, None, None, allow_outside=True))) == 10


def test_it_says_when_the_measured_images_chose_the_epoch(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = open_dataset(shapes, "train").digest()
    save_checkpoint(tmp_path / "run", YOLOv3(3, width=0.125), ModelCard(SHAPES, (64, 64), training=digest))
    config = {"data": str(shapes), "format": None, "train_split": None, "val_split": None}
    (tmp_path / "run/config.yaml").write_text(yaml.safe_dump(config))
    chosen = "none of these 4 images, by the bytes of their files; but they chose which epoch to keep"

    assert main(["evaluate", str(tmp_path / "run"), "--output", str(tmp_path / "out")]) == 0
    assert f"it was trained on {chosen}" in capsys.readouterr().out
    assert json.loads((tmp_path / "out/metrics.json").read_text())["trained_on"].startswith(chosen)

    shutil.copytree(shapes, tmp_path / "other")
    write_shapes(tmp_path / "new", num_train=1, num_test=3, image_size=(64, 64), seed=7)
    test = _stems(shapes, "test")
    for path in (tmp_path / "new/JPEGImages").iterdir():
        if path.stem in _stems(tmp_path / "new", "test")[1:]:
            shutil.copyfile(path, tmp_path / f"other/JPEGImages/{test.pop()}.jpg")
    words = [str(tmp_path / "run"), str(tmp_path / "other"), "--output", str(tmp_path / "out2")]
    assert main(["evaluate", *words]) == 0
    assert "but 2 of them chose which epoch to keep, which flatters" in capsys.readouterr().out

    selection = Selection("last", 4, 1, "shapes, test")
    save_checkpoint(
        tmp_path / "run", YOLOv3(3, width=0.125), ModelCard(SHAPES, (64, 64), training=digest, selection=selection)
    )
    assert main(["evaluate", str(tmp_path / "run"), "--output", str(tmp_path / "out4")]) == 0
    output = capsys.readouterr().out
    assert "its weights are those of epoch 4, the last\n" in output
    assert "none of these 4 images, by the bytes of their files\n" in output
    assert json.loads((tmp_path / "out4/metrics.json").read_text())["selection"]["keep"] == "last"

    words = [str(tmp_path / "run"), str(tmp_path / "new"), "--split", "test", "--output", str(tmp_path / "out3")]
    assert main(["evaluate", *words]) == 0
    assert "none of these 3 images, by the bytes of their files\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("available", "named", "is_test"),
    [
        (["train", "val", "test"], (None, None), False),
        (["train", "val", "test"], (None, "test"), True),
        (["trainval", "test"], (None, None), True),
        (["trainval", "val", "test"], ("train", "val"), False),
        (["train", "test2017"], (None, None), True),
        (["train"], (None, None), False),
        ([], (None, None), False),
    ],
)
def test_the_test_split_chooses_no_epoch(
    available: list[str], named: tuple[str | None, str | None], is_test: bool
) -> None:
    assert measures_test_split(available, *named) is is_test


@pytest.mark.parametrize(
    ("keep", "is_test", "patience", "lines"),
    [
        ("last", True, None, ["to keep        the last epoch"]),
        ("best", False, 3, ["to keep        the epoch of the best AP"]),
        (
            "best",
            True,
            None,
            ["to keep        the epoch of the best AP on the test split", "WARNING: AP on the test split"],
        ),
        ("last", True, 3, ["to keep        the last epoch", "WARNING: AP on the test split chooses the epoch"]),
    ],
)
def test_it_says_what_is_kept(
    keep: Literal["best", "last"], is_test: bool, patience: int | None, lines: list[str]
) -> None:
    said = what_is_kept(keep, is_test, patience).splitlines()
    assert len(said) == len(lines)
    assert all(line.startswith(begin) for line, begin in zip(said, lines, strict=True))
