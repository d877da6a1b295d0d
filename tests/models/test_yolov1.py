from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from yolo3 import GroundTruth, load_checkpoint, save_checkpoint
from yolo3.checkpoint import ModelCard
from yolo3.losses import YoloV1Loss
from yolo3.models import YOLOv1
from yolo3.presets import yolov1_fast


@pytest.mark.parametrize(("hidden", "parameters"), [(496, 85_787_534), (4096, 271_716_734)])
def test_number_of_parameters(hidden: int, parameters: int) -> None:
    with torch.device("meta"):
        model = YOLOv1(hidden=hidden)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert sum(isinstance(module, torch.nn.Conv2d) for module in model.modules()) == 24


def test_forward_and_decode() -> None:
    model = YOLOv1(3, grid=2, width=1 / 64, hidden=16).eval()
    assert (model.stride, model.num_classes) == (128, 3)
    flat = model(torch.rand(2, 3, 128, 128))
    assert flat.shape == (2, 2 * 2 * 13)
    found = model.decode(flat)
    assert found.boxes.shape == (2, 8, 4)
    assert found.scores.shape == (2, 8, 3)


def test_decode_by_hand() -> None:
    """Cell (row 1, column 0), second box: its centre at (32, 112), 96 wide and 32 high."""
    model = YOLOv1(3, grid=2, width=1 / 64, hidden=16)
    prediction = torch.zeros(1, 2, 2, 13)
    prediction[0, 1, 0] = torch.tensor([0.1, 0.2, 0.7, 0, 0, 0, 0, 0, 0.5, 0.5, 0.75, 1.5, 0.5])
    found = model.decode(prediction.flatten(1))
    assert found.boxes[0, 5].tolist() == [-16, 96, 80, 128]
    assert found.scores[0, 5].tolist() == pytest.approx([0.05, 0.1, 0.35])
    assert found.boxes[0, 4].tolist() == [0, 64, 0, 64]


def test_a_negative_size_decodes_to_no_area() -> None:
    model = YOLOv1(3, grid=2, width=1 / 64, hidden=16)
    boxes = model.decode(torch.full((1, 52), -1.0)).boxes
    assert torch.equal(boxes[..., 2:], boxes[..., :2])


def test_decoding_an_encoded_object_gives_the_object() -> None:
    model, box = YOLOv1(3, grid=2, width=1 / 64, hidden=16), torch.tensor([[30.0, 70.0, 90.0, 110.0]])
    target = YoloV1Loss(3).assign(torch.zeros(1, 52), GroundTruth.collate([(box, torch.tensor([2]))]))
    found = model.decode(target)
    best = found.scores[0, :, 2].argmax()
    assert found.scores[0, best].tolist() == [0, 0, 1]
    torch.testing.assert_close(found.boxes[0, best], box[0])


def test_learns_one_image() -> None:
    model = YOLOv1(2, grid=1, width=1 / 64, hidden=32).train()
    image, box = torch.rand(2, 3, 64, 64), torch.tensor([[10.0, 20.0, 40.0, 60.0]])
    truth = GroundTruth.collate([(box, torch.tensor([1]))] * 2)
    optimizer, loss = torch.optim.Adam(model.parameters(), lr=0.01), YoloV1Loss(2)
    first = loss(model(image), truth).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss(model(image), truth).backward()
        optimizer.step()
    assert loss(model(image), truth).item() < first / 100


def test_takes_images_of_its_own_size_only() -> None:
    with pytest.raises(ValueError, match="image size 416 x 416; YOLOv1 with a grid of 7 takes 448 x 448 only"):
        YOLOv1(width=1 / 64, hidden=16)(torch.zeros(1, 3, 416, 416))
    with pytest.raises(ValueError, match="num_boxes is 0; it must be at least 1"):
        YOLOv1(num_boxes=0)


def test_dropout_is_active_in_training_alone_and_leaves_the_names_of_the_weights() -> None:
    plain, dropping = (YOLOv1(3, grid=2, width=1 / 64, hidden=64, dropout=p) for p in (0.0, 0.5))
    dropping.load_state_dict(plain.state_dict())
    images = torch.rand(2, 3, 128, 128)
    assert torch.equal(plain.eval()(images), dropping.eval()(images))
    dropping.head.train()
    assert not torch.equal(dropping(images), dropping(images))
    assert [type(layer).__name__ for layer in dropping.head] == ["Flatten", "Linear", "LeakyReLU", "Dropout", "Linear"]


def test_a_network_from_a_table_of_its_own() -> None:
    """In each of six halvings, by a stride or a pooling; the padding of a row counts."""
    table = [(7, 8, 2, 3), "M", [(1, 4, 1, 0), (3, 8, 1, 1), 2], "M", (2, 8, 2, 0), "M", (3, 16, 2, 1)]
    model = YOLOv1(3, grid=2, hidden=16, layers=table).eval()
    kinds = [type(layer).__name__ for layer in model.backbone]
    assert kinds == [*("CNNBlock", "MaxPool2d"), *["CNNBlock"] * 4, *("MaxPool2d", "CNNBlock", "MaxPool2d", "CNNBlock")]
    assert [layer.conv.padding for layer in model.backbone if hasattr(layer, "conv")][5] == (0, 0)
    assert model(torch.rand(1, 3, 128, 128)).shape == (1, 4 * 13)


def test_fast_yolo_by_the_number_of_its_weights() -> None:
    """By hand: eight convolutions with batch normalization, and 7·7·256 values to 7·7·30."""
    channels = (3, 16, 32, 64, 128, 256, 512, 1024, 256)
    by_hand = sum(9 * a * b + 2 * b for a, b in pairwise(channels)) + 49 * 256 * 1470 + 1470
    with torch.device("meta"):
        model = yolov1_fast()
    assert sum(parameter.numel() for parameter in model.parameters()) == by_hand == 27_095_374


@pytest.mark.parametrize(
    "build",
    [
        lambda: yolov1_fast(3, width=0.0625),
        lambda: YOLOv1(3, grid=1, width=1 / 64, hidden=16, dropout=0.5),
        lambda: YOLOv1(3, grid=1, hidden=16, layers=[(7, 8, 2, 3), "M", (3, 8, 2, 1), "M", "M", "M"]),
        lambda: YOLOv1(3, grid=1, width=1 / 64, hidden=16),
    ],
)
def test_a_checkpoint_builds_it_again(build: Callable[[], YOLOv1], tmp_path: Path) -> None:
    model = build().eval()
    save_checkpoint(tmp_path, model, ModelCard(image_size=model.image_size))
    again = load_checkpoint(tmp_path)[0]
    assert isinstance(again, YOLOv1)
    assert (again.layers, again.dropout) == (model.layers, model.dropout)
    images = torch.rand(1, 3, model.stride, model.stride)
    assert torch.equal(model(images), again.eval()(images))


def test_the_card_of_the_published_network_has_nothing_new(tmp_path: Path) -> None:
    """So that an earlier version reads it."""
    save_checkpoint(tmp_path, YOLOv1(3, grid=1, width=1 / 64, hidden=16), ModelCard(image_size=(64, 64)))
    assert not {"layers", "dropout"} & load_checkpoint(tmp_path)[1].architecture.keys()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"dropout": 1.0}, "dropout is 1; it is a probability"),
        ({"hidden": -1}, "hidden is -1"),
        (
            {"layers": [(3, 8, 1, 1), "M"]},
            "the layers leave 224 x 224 of an image of 448 x 448; 7 x 7 cells",
        ),
        ({"layers": [(3, 8, 1)]}, r"row 0 of the layers is \(3, 8, 1\); give \(kernel size, channels"),
        ({"layers": ["M", "P"]}, "row 1 of the layers is 'P'"),
        ({"layers": [[(3, 8, 1, 1), (3, 8, 1, 1)]]}, "row 0 of the layers is"),
        ({"layers": [[(3, 8, 1, 1), 10**9]]}, "a table of 1,000,000,000 layers; it has 1 to 999"),
        ({"layers": []}, "a table of 0 layers"),
    ],
)
def test_refuses_what_cannot_be(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        YOLOv1(**settings)
