import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from yolo3.boxes import Anchors
from yolo3.checkpoint import FORMAT, ModelCard, load_checkpoint, read_card, save_checkpoint
from yolo3.darknet import Darknet
from yolo3.models import Darknet53, YOLOv1, YOLOv3

_CARD = ModelCard(
    names=("cat", "dog"),
    image_size=(320, 416),
    letterbox="darknet",
    metrics={"AP50": 0.5},
    training="1f",
    category_ids=(17, 18),
)
_ANCHORS = Anchors((((90, 90),), ((40, 30), (30, 40)), ((10, 10), (20, 10), (10, 20))))

_CFG = """
[net]
width=64
height=64

[convolutional]
batch_normalize=1
filters=7
size=3
stride=8
pad=1
activation=leaky

[convolutional]
filters=7
activation=linear

[yolo]
mask=0
anchors=10,20
classes=2
num=1
"""


def _small(num_classes: int = 2, anchors: Anchors = _ANCHORS) -> YOLOv3:
    return YOLOv3(num_classes, width=0.1, conv_set_depth=3, anchors=anchors)


def _with_own_backbone() -> YOLOv3:
    return YOLOv3(2, backbone=Darknet53(width=0.1))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "run", _small(), _CARD)
    return tmp_path / "run"


def _weights(folder: Path) -> Path:
    return folder / json.loads((folder / "model.json").read_text())["weights"]


def _change_card(folder: Path, **values: object) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_detector_comes_back_as_it_was(tmp_path):
    detector = _small().to(memory_format=torch.channels_last)
    save_checkpoint(tmp_path, detector, _CARD)
    loaded, card = load_checkpoint(tmp_path)
    assert (loaded.width, loaded.conv_set_depth, loaded.anchors) == (0.1, 3, _ANCHORS)
    assert {name: tensor.tolist() for name, tensor in loaded.state_dict().items()} == {
        name: tensor.tolist() for name, tensor in detector.state_dict().items()
    }
    assert (card.names, card.image_size, card.letterbox) == (("cat", "dog"), (320, 416), "darknet")
    assert (card.metrics, card.training) == ({"AP50": 0.5}, "1f")
    assert read_card(tmp_path) == card


def test_the_files_are_plain_safetensors_and_json(saved):
    content = json.loads((saved / "model.json").read_text())
    assert sorted(path.name for path in saved.iterdir()) == [content["weights"], "model.json"]
    assert content["format"] == FORMAT
    assert content["architecture"]["network"] == "YOLOv3"
    weights = saved / content["weights"]
    assert safetensors.torch.load_file(weights).keys() == _small().state_dict().keys()
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (content["weights_sha256"], content["weights"]) == (digest, f"model-{digest[:12]}.safetensors")


def test_a_darknet_network_comes_back_from_its_cfg(tmp_path):
    detector = Darknet(_CFG, bn_eps=1e-6)
    save_checkpoint(tmp_path, detector, ModelCard(image_size=(64, 64)))
    loaded, card = load_checkpoint(tmp_path)
    assert (loaded.cfg_text, loaded.bn_eps, card.anchors) == (detector.cfg_text, 1e-6, detector.anchors)
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(loaded.eval()(images)[0], detector.eval()(images)[0])


def test_yolov1_comes_back_as_it_was(tmp_path):
    detector = YOLOv1(3, grid=2, hidden=16, width=0.1)
    save_checkpoint(tmp_path, detector, ModelCard(("a", "b", "c"), image_size=detector.image_size))
    again, _ = load_checkpoint(tmp_path)
    assert isinstance(again, YOLOv1)
    images = torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        assert torch.equal(again.eval()(images), detector.eval()(images))


def test_saving_again_replaces_the_checkpoint_and_leaves_other_files(saved):
    (saved / "notes.txt").write_text("mine")
    save_checkpoint(saved, _small(3), ModelCard())
    assert load_checkpoint(saved)[0].num_classes == 3
    assert (saved / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(("moment", "is_new"), [(1, False), (2, False), (3, True)])
def test_an_interrupted_save_leaves_a_whole_checkpoint(saved, monkeypatch, moment, is_new):
    """The first replace puts the weights in place, the second the card; then the old weights are removed."""
    old, new = load_checkpoint(saved)[0].state_dict(), _small()
    calls = []

    def interrupted(name, function):
        def call(*arguments):
            calls.append(name)
            if len(calls) == moment:
                raise KeyboardInterrupt
            return function(*arguments)

        return call

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", interrupted("replace", os.replace))
        patch.setattr(Path, "iterdir", interrupted("iterdir", Path.iterdir))
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(saved, new, _CARD)

    found = load_checkpoint(saved)[0].state_dict()
    expected = new.state_dict() if is_new else old
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    save_checkpoint(saved, new, _CARD)
    assert sorted(path.name for path in saved.iterdir()) == [_weights(saved).name, "model.json"]


def test_a_full_disk_is_an_error_of_the_system(saved, monkeypatch):
    def no_room(*_):
        raise safetensors.SafetensorError("Error while serializing: No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", no_room)

    with pytest.raises(OSError, match=r"model\.safetensors\.partial cannot be written \(.*No space left on device\)$"):
        save_checkpoint(saved, *load_checkpoint(saved))


def test_a_checkpoint_that_is_replaced_while_it_is_read(saved, tmp_path, monkeypatch):
    """An image program may load what a training is about to replace."""
    new = _small()
    save_checkpoint(tmp_path / "new", new, _CARD)
    read_text = Path.read_text

    def read_and_replace(path, **arguments):
        text = read_text(path, **arguments)
        monkeypatch.setattr(Path, "read_text", read_text)
        shutil.rmtree(saved)
        shutil.copytree(tmp_path / "new", saved)
        return text

    monkeypatch.setattr(Path, "read_text", read_and_replace)
    found = load_checkpoint(saved)[0].state_dict()
    assert all(torch.equal(tensor, found[name]) for name, tensor in new.state_dict().items())


def test_parts_of_ones_own_are_handed_in(tmp_path):
    detector = _with_own_backbone()
    save_checkpoint(tmp_path, detector, ModelCard())
    with pytest.raises(ValueError, match=r"YOLOv3 with parts of its own.*hand it in as `detector`"):
        load_checkpoint(tmp_path)
    mine = _with_own_backbone()
    loaded, _ = load_checkpoint(tmp_path, mine)
    assert loaded is mine
    assert torch.equal(loaded.coarse_head.predict.bias, detector.coarse_head.predict.bias)


def test_tied_weights_are_saved(tmp_path):
    detector = _with_own_backbone()
    detector.backbone[4].units[1] = detector.backbone[4].units[0]
    save_checkpoint(tmp_path, detector, ModelCard())
    load_checkpoint(tmp_path, detector)


def test_weights_of_another_network_are_refused(saved, tmp_path):
    with pytest.raises(ValueError, match=r"predict.weight' should be \(8, 104, 1, 1\) and is \(7, 104, 1, 1\)"):
        load_checkpoint(saved, _small(3))
    deeper = YOLOv3(2, width=0.1, conv_set_depth=5, anchors=_ANCHORS)
    with pytest.raises(ValueError, match=r"36 tensors expected and not found, such as 'conv_set.layers.3"):
        load_checkpoint(saved, deeper)
    shallower = YOLOv3(2, width=0.1, conv_set_depth=1, anchors=_ANCHORS)
    with pytest.raises(ValueError, match=r"36 tensors found and not expected, such as 'conv_set.layers.1"):
        load_checkpoint(saved, shallower)


def test_other_anchors_are_refused(saved):
    other = Anchors((((91, 90),), *_ANCHORS.sizes[1:]))
    with pytest.raises(ValueError, match=r"was trained with .*, the detector handed in has .*91"):
        load_checkpoint(saved, _small(anchors=other))


def test_a_truncated_file_is_refused(saved):
    weights = _weights(saved)
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model-\w+\.safetensors is not the file that model\.json was written with"):
        load_checkpoint(saved)


def test_missing_files_are_named(saved, tmp_path):
    _weights(saved).unlink()
    with pytest.raises(ValueError, match=r"run/model-\w+\.safetensors is missing; a checkpoint is model.json and"):
        load_checkpoint(saved)
    with pytest.raises(ValueError, match=r"nowhere/model\.json is missing; .*nowhere is no checkpoint"):
        load_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', '{"format": "x"}', "\udcff"])
def test_a_damaged_card_is_refused(saved, text):
    (saved / "model.json").write_text(text, errors="surrogateescape")
    with pytest.raises(ValueError, match=r"model\.json is damaged"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("format", FORMAT + 1, "format 3 is newer than this yolo3 reads"),
        ("names", [1], "'names' of a model card cannot be"),
        ("image_size", [416], "'image_size' of a model card cannot be"),
        ("letterbox", "round", "'letterbox' of a model card cannot be 'round'"),
        ("metrics", {"AP": "high"}, "'metrics' of a model card cannot be"),
        ("training", 3, "'training' of a model card cannot be 3"),
        ("category_ids", [17], "'category_ids' of a model card cannot be"),
        ("category_ids", ["17", "18"], "'category_ids' of a model card cannot be"),
        ("yolo3_version", None, "'yolo3_version' of a model card cannot be None"),
        ("anchors", {"sizes": [[[1, -1]]], "strides": [8]}, "anchor sizes must be positive"),
        ("weights", "../elsewhere/model-0123456789ab.safetensors", "'weights' cannot be '../elsewhere/model"),
        ("weights", None, "model.json is damaged"),
        ("surprise", 1, "unexpected keyword argument 'surprise'"),
        ("architecture", {"network": "YOLOv9"}, "network 'YOLOv9' that this yolo3 cannot build"),
        ("architecture", {"network": "YOLOv3", "depth": 3}, "damaged: YOLOv3 cannot be built of {'depth': 3}"),
    ],
)
def test_a_card_with_a_wrong_value_is_refused(saved, field, value, message):
    _change_card(saved, **{field: value})
    with pytest.raises(ValueError, match=message):
        load_checkpoint(saved)


def test_a_card_must_fit_its_detector(tmp_path):
    with pytest.raises(ValueError, match="the card has 2 names, the detector 3 classes"):
        save_checkpoint(tmp_path, _small(3), _CARD)
    with pytest.raises(ValueError, match="image size 100 x 100 is not a multiple of 32"):
        save_checkpoint(tmp_path, _small(), ModelCard(image_size=(100, 100)))
    assert list(tmp_path.iterdir()) == []


def test_a_detector_is_a_module(tmp_path):
    class NoModule:
        num_classes, stride = 2, 32

    with pytest.raises(ValueError, match=r"a detector is an nn.Module, not a NoModule"):
        save_checkpoint(tmp_path, NoModule(), ModelCard())
