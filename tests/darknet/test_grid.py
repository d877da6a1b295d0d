import pytest
import torch

from yolo3 import suppress
from yolo3.darknet import Darknet
from yolo3.darknet.grid import Connected, Crop, GridHead, GridPrediction, Local


def test_local_is_a_convolution_with_weights_of_its_own_everywhere() -> None:
    x = torch.randn(2, 3, 6, 5)
    layer = Local(3, (4, 3, 3), size=3, stride=2, padding=1, activation="linear")
    torch.nn.init.normal_(layer.bias)
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
    expected = torch.empty(2, 4, 3, 3)
    for row in range(3):
        for column in range(3):
            window = padded[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3].flatten(1)
            expected[:, :, row, column] = window @ layer.weight[row * 3 + column].T + layer.bias[:, row, column]
    torch.testing.assert_close(layer(x), expected)


def test_crop_takes_the_middle() -> None:
    x = torch.rand(1, 3, 6, 9)
    assert torch.equal(Crop(4, 4, adjust=False)(x), x[:, :, 1:5, 2:6])
    torch.testing.assert_close(Crop(6, 9, adjust=True)(x), x * 2 - 1)


@pytest.mark.parametrize("batch_normalize", [False, True])
def test_connected(batch_normalize: bool) -> None:
    layer = Connected(12, 5, "relu", batch_normalize, bn_eps=1e-5).eval()
    x = torch.randn(2, 3, 2, 2)
    flat = x.flatten(1) @ layer.linear.weight.T
    expected = flat / (1 + 1e-5) ** 0.5 if batch_normalize else flat + layer.linear.bias
    torch.testing.assert_close(layer(x), expected.relu()[..., None, None])


def darknet_boxes(values: list[float], head: GridHead, width: float, height: float) -> list[list[float]]:
    """cx, cy, w, h and confidence of every box, and its first class: the loop that the format is."""
    found, cells = [], head.side**2
    for cell in range(cells):
        row, column = divmod(cell, head.side)
        for box in range(head.num_boxes):
            confidence = values[cells * head.num_classes + cell * head.num_boxes + box]
            start = cells * (head.num_classes + head.num_boxes) + (cell * head.num_boxes + box) * 4
            x, y, w, h = values[start : start + 4]
            power = 2 if head.squared else 1
            where = [
                (x + column) / head.side * width,
                (y + row) / head.side * height,
                w**power * width,
                h**power * height,
            ]
            found.append([*where, confidence * values[cell * head.num_classes]])
    return found


@pytest.mark.parametrize("squared", [False, True])
def test_boxes_of_a_detection_layer(squared: bool) -> None:
    head = GridHead(side=3, num_boxes=2, num_classes=4, squared=squared, softmax=False)
    numbers = torch.rand(1, head.outputs, 1, 1)
    candidates = head.decode(GridPrediction(head)(numbers), image_size=(60, 90))
    expected = torch.tensor(darknet_boxes(numbers.flatten().tolist(), head, width=90, height=60))
    left, top, right, bottom = candidates.boxes[0].unbind(1)
    torch.testing.assert_close((left + right) / 2, expected[:, 0])
    torch.testing.assert_close((top + bottom) / 2, expected[:, 1])
    torch.testing.assert_close(right - left, expected[:, 2])
    torch.testing.assert_close(bottom - top, expected[:, 3])
    torch.testing.assert_close(candidates.scores[0, :, 0], expected[:, 4])


def test_a_detection_layer_with_softmax() -> None:
    head = GridHead(side=1, num_boxes=1, num_classes=3, squared=False, softmax=True)
    candidates = head.decode(GridPrediction(head)(torch.randn(2, head.outputs, 1, 1)), image_size=(10, 10))
    confidence = candidates.scores.sum(dim=2)
    assert confidence.shape == (2, 1)
    assert ((0 < confidence) & (confidence < 1)).all()


def test_a_network_of_yolov1(grid_cfg: str) -> None:
    network = Darknet(grid_cfg).eval()
    assert (network.num_classes, network.stride, network.image_size) == (3, 4, (8, 12))
    assert not hasattr(network, "anchors")
    (prediction,) = network(torch.rand(5, 3, 8, 12))
    assert prediction.shape == (5, 2, 2, 3 + 2 * 5)
    candidates = network.decode((prediction,))
    assert candidates.boxes.shape == (5, 8, 4)
    assert candidates.scores.shape == (5, 8, 3)
    assert len(suppress(candidates)) == 5
    with pytest.raises(ValueError, match=r"<cfg> takes \(height, width\) \(8, 12\) only, not \(16, 24\)"):
        network(torch.rand(1, 3, 16, 24))


def test_the_layers_of_yolov1_learn(grid_cfg: str) -> None:
    network = Darknet(grid_cfg)
    network(torch.rand(4, 3, 8, 12))[0].square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
