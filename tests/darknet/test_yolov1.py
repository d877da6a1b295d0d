import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from yolo3 import suppress
from yolo3.darknet import Darknet, load_darknet_weights
from yolo3.darknet.yolov1_layers import Connected, Crop, GridHead, GridPrediction, Local


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


SOFTMAX = """
[net]
width=32
height=32
channels=3

[connected]
output=28
activation=linear

[detection]
classes=2
coords=4
num=1
side=2
softmax=1
sqrt=1
"""


def test_a_detection_layer_with_softmax_is_read_as_the_c_program_reads_it(tmp_path: Path) -> None:
    """Figures of pjreddie's Darknet (commit f6afaab) for this cfg, with weights and image from the formulas below."""
    k = np.arange(28 + 28 * 3072)
    weights = np.where(k < 28, 0.4 + 0.3 * np.sin(1.7 * k), 0.004 * np.sin(0.9 * k))
    (tmp_path / "w").write_bytes(struct.pack("<3iQ", 0, 2, 0, 0) + weights.astype("<f4").tobytes())
    network = Darknet(SOFTMAX).eval()
    load_darknet_weights(network, tmp_path / "w")
    image = 0.5 + 0.5 * torch.sin(0.37 * torch.arange(3072, dtype=torch.float64)).float().view(1, 3, 32, 32)
    with torch.no_grad():
        candidates = network.decode(network(image))
    expected = torch.tensor(
        [
            [11.18446, 5.85996, 0.36700, 8.19950, 0.280450, 0.377638],
            [26.59468, 3.56263, 1.03544, 12.72041, 0.285535, 0.233503],
            [8.91792, 18.01529, 3.08929, 15.46041, 0.053103, 0.058169],
            [22.59076, 17.61942, 6.92394, 14.91895, 0.175191, 0.179489],
        ]
    )
    left, top, right, bottom = candidates.boxes[0].unbind(1)
    found = torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], dim=1)
    torch.testing.assert_close(found, expected[:, :4], rtol=0, atol=2e-4)
    torch.testing.assert_close(candidates.scores[0], expected[:, 4:], rtol=0, atol=2e-5)


def test_confidence_and_box_of_a_softmax_layer_stay_raw() -> None:
    """A trial's first box in C, and what came of it when confidence and box went through a sigmoid."""
    head = GridHead(side=2, num_boxes=1, num_classes=2, squared=True, softmax=True)
    in_c = torch.tensor([3.635, 6.089, 4.892, 19.638])
    through_sigmoid = torch.tensor([8.905, 9.504, 11.387, 15.077])
    raw = torch.cat([in_c[:2] / 16, (in_c[2:] / 32).sqrt()])
    read_wrongly = torch.cat([raw[:2].sigmoid() * 16, raw[2:].sigmoid().square() * 32])
    torch.testing.assert_close(read_wrongly, through_sigmoid, rtol=0, atol=1e-3)  # both figures are of the same numbers
    prediction = torch.zeros(1, 2, 2, 7)
    prediction[0, 0, 0] = torch.tensor([math.log(0.147), math.log(0.132), 0.147 + 0.132, *raw])
    candidates = head.decode(prediction, image_size=(32, 32))
    left, top, right, bottom = candidates.boxes[0, 0]
    found = torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])
    torch.testing.assert_close(found, in_c, rtol=0, atol=1e-4)
    torch.testing.assert_close(candidates.scores[0, 0], torch.tensor([0.147, 0.132]), rtol=0, atol=1e-6)


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
