import pytest
import torch

from yolo3 import GroundTruth
from yolo3.losses import YoloV1Loss
from yolo3.models import YOLOv1


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
