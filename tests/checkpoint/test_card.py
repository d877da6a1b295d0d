"""Malformed models: each is told in one line, within the memory and the time that a sound one takes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from yolo3 import Darknet, YOLOv1, YOLOv3, save_checkpoint
from yolo3.boxes import Anchors
from yolo3.checkpoint import load_checkpoint
from yolo3.checkpoint.card import ModelCard, read_card_file, write_card
from yolo3.checkpoint.selection import Selection

ANCHORS = Anchors((((90, 90),), ((40, 30),), ((10, 10),)))

CFG = """[net]
width=32
height=32
[convolutional]
batch_normalize=1
filters=7
size=3
stride=8
pad=1
activation=linear
[yolo]
mask=0
anchors=10,20
classes=2
num=1
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sound checkpoint of every kind of network."""
    folder = tmp_path_factory.mktemp("sound")
    networks = {
        "YOLOv3": YOLOv3(2, width=0.1, anchors=ANCHORS),
        "YOLOv1": YOLOv1(2, grid=1, hidden=8, width=0.05),
        "Darknet": Darknet(CFG),
    }
    for name, network in networks.items():
        size = network.image_size if isinstance(network, YOLOv1) else (32, 32)
        save_checkpoint(folder / name, network, ModelCard(("cat", "dog"), image_size=size))
        load_checkpoint(folder / name)
    return folder


def _changed(sound: Path, folder: Path, **values: object) -> Path:
    """A checkpoint with the weights of a sound one and another card; its architecture is changed number by number."""
    card = json.loads((sound / "model.json").read_text())
    numbers = values.pop("numbers", {})
    if numbers:
        card["architecture"] |= numbers
    folder.mkdir(parents=True)
    (folder / card["weights"]).symlink_to(sound / card["weights"])
    (folder / "model.json").write_text(json.dumps(card | values))
    return folder


ARCHITECTURES = [
    ("YOLOv3", {"num_classes": 10**9}, r"'coarse_head.predict.weight' should be \(1000000005,"),
    ("YOLOv3", {"num_classes": 10**18}, "the card is damaged: YOLOv3 cannot be built of"),
    ("YOLOv3", {"num_classes": 0}, "num_classes is 0"),
    ("YOLOv3", {"num_classes": 2.5}, r"num_classes of a network cannot be 2\.5"),
    ("YOLOv3", {"num_classes": "2"}, "num_classes of a network cannot be '2'"),
    ("YOLOv3", {"width": 1e6}, "cannot be built of|should be"),
    ("YOLOv3", {"width": 1e300}, "cannot be built of"),
    ("YOLOv3", {"width": float("nan")}, "width is nan"),
    ("YOLOv3", {"width": "wide"}, "width of a network cannot be 'wide'"),
    (
        "YOLOv3",
        {"conv_set_depth": 10**9 + 1},
        "an odd number of convolutions, not 1000000001; the published one has 5, 99 are the most",
    ),
    ("YOLOv3", {"in_channels": 10**12}, r"'backbone.0.conv.weight' should be \(8, 1000000000000, 3, 3\)"),
    ("YOLOv3", {"in_channels": 0}, "in_channels is 0"),
    ("YOLOv3", {"backbone": "resnet"}, "backbone of a network cannot be 'resnet'"),
    ("YOLOv3", {"block": "x" * 1000}, r"block of a network cannot be 'x+…$"),
    ("YOLOv1", {"grid": 10**6}, r"'head.1.weight' should be|cannot be built of"),
    ("YOLOv1", {"hidden": 10**12}, r"'head.1.weight' should be"),
    ("YOLOv1", {"num_boxes": -1}, "num_boxes is -1"),
    ("Darknet", {"cfg": "/etc/passwd"}, "'/etc/passwd' is not the text of a cfg"),
    ("Darknet", {"cfg": None}, "cfg of a network cannot be None"),
    ("Darknet", {"cfg": CFG.replace("filters=7", "filters=700000000")}, "is the limit"),
    ("Darknet", {"cfg": CFG.replace("width=32", "width=320000000")}, "is the limit"),
    ("Darknet", {"bn_eps": -1}, "bn_eps is -1"),
    ("Darknet", {"bn_eps": "small"}, "bn_eps of a network cannot be 'small'"),
    ("Darknet", {"bn_eps": float("nan")}, "bn_eps is nan"),
    ("Darknet", {"network": "\x1b[31mYOLOv9"}, r"a network '\\x1b\[31mYOLOv9' that this yolo3 cannot build"),
    ("Darknet", {"depth": 3}, "the card is damaged: Darknet cannot be built of {'cfg': "),
    ("Darknet", {"shortcut_weights": "mean"}, "unknown shortcut_weights 'mean'"),
    ("Darknet", {"network": "custom", "class": "\x1b]0;x\x07", "because": "\n"}, r"it is a \\x1b\]0;x\\x07 with parts"),
]

CARDS = [
    ({"format": 0}, "there is no format 0"),
    ({"format": -5}, "there is no format -5"),
    ({"format": True}, "format True is no number"),
    ({"format": 1.0}, r"format 1\.0 is no number"),
    ({"format": 99, "yolo3_version": "9\x1b[2J"}, r"format 99 is newer .* install yolo3 9\\x1b\[2J"),
    ({"image_size": [3.2e9, 3.2e9]}, r"'image_size' of a model card cannot be \(3200000000\.0,"),
    ({"image_size": [3_200_000_000, 3_200_000_000]}, r"'image_size' of a model card cannot be \(3200000000, "),
    ({"image_size": [0, 32]}, "'image_size' of a model card cannot be"),
    ({"image_size": [-32, -32]}, "'image_size' of a model card cannot be"),
    ({"image_size": "32"}, "'image_size' of a model card cannot be"),
    ({"names": ["a", "a"]}, "class name 'a' appears twice"),
    ({"names": ["a", "b\x1b[2J"]}, r"class name 'b\\x1b\[2J' has control characters"),
    ({"names": ["a", "b\u202e"]}, "has control characters"),
    ({"names": ["a", "b\n"]}, "has control characters"),
    ({"names": "ab"}, "'names' of a model card cannot be 'ab'; give a list of names"),
    ({"names": ["a", "b", "c"]}, "the card has 3 names, the detector 2 classes"),
    ({"names": ["a"], "category_ids": [1]}, "the card has 1 names, the detector 2 classes"),
    ({"category_ids": [1, 1]}, "'category_ids' of a model card cannot be"),
    ({"metrics": {"AP": 10**400}}, "'metrics' of a model card cannot be"),
    ({"metrics": {"AP": float("nan")}}, "'metrics' of a model card cannot be"),
    ({"anchors": None}, "cannot build|was trained with None"),
    ({"anchors": {"sizes": [[[10, float("inf")]]], "strides": [8]}}, "anchor sizes must be positive"),
    ({"anchors": {"sizes": [[[10, 20]]], "strides": [8], "xy_scales": [-1]}}, "xy_scales must be positive"),
    ({"architecture": [1]}, "is damaged"),
]


@pytest.mark.parametrize(("network", "numbers", "message"), ARCHITECTURES)
def test_an_architecture_that_cannot_be(
    sound: Path, network: str, numbers: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message) as told:
        load_checkpoint(_changed(sound / network, tmp_path / "run", numbers=numbers))
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 1000


@pytest.mark.parametrize(("values", "message"), CARDS)
@pytest.mark.parametrize("network", ["YOLOv3", "Darknet"])
def test_a_card_that_cannot_be(
    sound: Path, network: str, values: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message) as told:
        load_checkpoint(_changed(sound / network, tmp_path / "run", **values))
    assert str(told.value).isprintable()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000 + "]" * 100_000, "is damaged: it is nested too deeply"),
        ('{"format": ' + "9" * 5000 + "}", "Exceeds the limit|is newer"),
        (" " * (1 << 24) + "{}", "16,777,218 bytes are too many for a model card"),
    ],
)
def test_json_that_asks_for_too_much(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_card_file(tmp_path / "model.json")


def test_malformed_models_take_little_memory_and_time(sound: Path, tmp_path: Path) -> None:
    """All of them, one after another, in a process of its own that may not take more than a sound one does."""
    for number, (network, numbers, _) in enumerate(ARCHITECTURES):
        _changed(sound / network, tmp_path / str(number), numbers=numbers)
    program = """
import resource, sys, time
from pathlib import Path
from typing import Any
from yolo3 import load_checkpoint
load_checkpoint(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF)
for folder in sorted(Path(sys.argv[2]).iterdir()):
    try:
        load_checkpoint(folder)
    except ValueError as error:
        assert str(error).isprintable(), error
    else:
        raise SystemExit(f"{folder} was loaded")
after = resource.getrusage(resource.RUSAGE_SELF)
print(after.ru_maxrss - before.ru_maxrss, after.ru_utime - before.ru_utime)
"""
    words = [sys.executable, "-c", program, str(sound / "YOLOv3"), str(tmp_path)]
    ran = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert ran.returncode == 0, ran.stderr
    kilobytes, seconds = map(float, ran.stdout.split())
    assert kilobytes < 200_000
    assert seconds < 20


def test_names_of_any_writing_are_names() -> None:
    ModelCard(("Straße", "猫", "étoile\u00a0noire", "👩\u200d🚀", "traffic light"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"keep": "first"}, "'keep' of a selection cannot be 'first'"),
        ({"epoch": 0}, "'epoch' of a selection cannot be 0"),
        ({"epoch": True}, "'epoch' of a selection cannot be True"),
        ({"evaluations": 1.5}, "'evaluations' of a selection cannot be 1.5"),
        ({"measured_on": 3}, "'measured_on' of a selection cannot be 3"),
    ],
)
def test_a_selection_that_cannot_be(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Selection(**{"keep": "best", "epoch": 3, "evaluations": 2, "measured_on": "val"} | wrong)


def test_a_card_of_format_1_has_no_selection(tmp_path: Path) -> None:
    card = ModelCard(selection=Selection("best", 3, 2, "val"))
    path = tmp_path / "model.json"
    write_card(path, card, "model-0123456789ab.safetensors", "")
    assert read_card_file(path)[0] == card
    content = json.loads(path.read_text())
    del content["selection"]
    path.write_text(json.dumps(content | {"format": 1}))
    assert read_card_file(path)[0] == ModelCard()
