"""Heads other than YOLOv3's: figures of the C programs, their loops written slowly, OpenCV's importer."""

import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from yolo3 import suppress
from yolo3.darknet import Darknet, WeightsHeader, save_darknet_weights
from yolo3.structures import Candidates

CFGS = Path(__file__).parent / "cfgs"
FUSED, GAUSSIAN, NEW_COORDS, REGION = (
    (CFGS / f"{name}.cfg").read_text() for name in ("fused", "gaussian", "new_coords", "region")
)
Filled = Callable[..., Darknet]
WaveImage = Callable[[Darknet], Tensor]

# Each row: centre, width and height as shares of the image, then the score of each class.
# AlexeyAB's Darknet, commit 59596d78; weights and image as in the fixtures `filled` and `wave_image`.
FIGURES_NEW_COORDS = [
    [0.164683, 0.250270, 0.210622, 0.929614, 0.293075, 0.237491],
    [0.169941, 0.286857, 0.426697, 0.679799, 0.290880, 0.236314],
    [0.424159, 0.274246, 0.202876, 0.900003, 0.297539, 0.241796],
    [0.417675, 0.313206, 0.456874, 0.642343, 0.283717, 0.243703],
    [0.670325, 0.283733, 0.218166, 0.894876, 0.295171, 0.248723],
    [0.665623, 0.308702, 0.487094, 0.675065, 0.289878, 0.250555],
    [0.923645, 0.299321, 0.212843, 0.856366, 0.292136, 0.248806],
    [0.910926, 0.321587, 0.510437, 0.645737, 0.281524, 0.253191],
    [0.170586, 0.736138, 0.222375, 1.049877, 0.316607, 0.246624],
    [0.186251, 0.787134, 0.405670, 0.744052, 0.316892, 0.243042],
    [0.431963, 0.784291, 0.204517, 0.929851, 0.309945, 0.249552],
    [0.422937, 0.829027, 0.470157, 0.648596, 0.290502, 0.251943],
    [0.682090, 0.764079, 0.208063, 1.001740, 0.320807, 0.250083],
    [0.682414, 0.819646, 0.436322, 0.683112, 0.303643, 0.250124],
    [0.925507, 0.772449, 0.236574, 1.020368, 0.320302, 0.262604],
    [0.932540, 0.808029, 0.473875, 0.755365, 0.320087, 0.260857],
]
FIGURES_GAUSSIAN = [
    [0.332399, 0.201159, 0.174986, 0.781934, 0.107746, 0.101229],
    [0.263374, 0.284748, 0.358171, 0.332887, 0.186759, 0.102440],
    [0.832345, 0.201166, 0.175036, 0.781514, 0.107803, 0.101253],
    [0.763441, 0.284685, 0.358205, 0.332970, 0.186694, 0.102450],
    [0.332442, 0.701112, 0.175027, 0.781999, 0.107719, 0.101242],
    [0.263369, 0.784791, 0.358041, 0.332973, 0.186751, 0.102415],
    [0.832232, 0.701213, 0.175079, 0.780848, 0.107908, 0.101280],
    [0.763543, 0.784561, 0.358355, 0.333028, 0.186605, 0.102484],
]
SUMS_GAUSSIAN = [323.859526, 166.914571, 29.553108, 29.553108, 8.585748, 2.146437, 2.538980, 1.818109]
"""Of each layer's output."""


def rows_of(candidates: Candidates, network: Darknet) -> Tensor:
    """(N, 4 + C) cx, cy, w, h as shares of the image, and scores."""
    height, width = network.image_size
    left, top, right, bottom = candidates.boxes[0].unbind(1)
    centre = [(left + right) / 2 / width, (top + bottom) / 2 / height]
    size = [(right - left) / width, (bottom - top) / height]
    return torch.cat([torch.stack([*centre, *size], dim=1), candidates.scores[0]], dim=1)


def in_order(rows: Tensor) -> Tensor:
    """The same rows in an order that does not depend on who lists them."""
    return torch.stack(sorted(rows, key=lambda row: [round(number, 3) for number in row.tolist()]))


@pytest.mark.parametrize(
    ("cfg", "figures"), [(NEW_COORDS, FIGURES_NEW_COORDS), (GAUSSIAN, FIGURES_GAUSSIAN)], ids=["new_coords", "gaussian"]
)
@torch.no_grad()
def test_boxes_are_those_of_the_c_program(
    cfg: str, figures: list[list[float]], filled: Filled, wave_image: WaveImage
) -> None:
    network = filled(cfg)
    found = rows_of(network.decode(network(wave_image(network))), network)
    torch.testing.assert_close(in_order(found), in_order(torch.tensor(figures)), rtol=0, atol=1e-5)


@torch.no_grad()
def test_layers_are_those_of_the_c_program(filled: Filled, wave_image: WaveImage) -> None:
    """Dilation, ``[sam]``, ``[reorg3d]``, hard_mish, ``[local_avgpool]`` and ``[batchnorm]`` with biases."""
    network = filled(GAUSSIAN)
    sums: list[float] = []
    for layer in network.layers[:8]:
        layer.register_forward_hook(lambda module, inputs, output: sums.append(output.double().sum().item()))
    network(wave_image(network))
    assert sums == pytest.approx(SUMS_GAUSSIAN, abs=1e-4)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def slow_rows(
    raw: Tensor, anchors: list[tuple[float, float]], size: tuple[int, int], scale: float, kind: str = "yolo"
) -> Tensor:
    """The rows of one head, from (C, S, S) values in Darknet's order, as SPEC says them."""
    rows = []
    per_anchor = len(raw) // len(anchors)
    _, height, width = raw.shape
    for row in range(height):
        for column in range(width):
            for number, anchor in enumerate(anchors):
                values = raw[number * per_anchor : (number + 1) * per_anchor, row, column].tolist()
                certainty = 1.0
                if kind == "gaussian":
                    certainty -= sum(sigmoid(values[place]) for place in (1, 3, 5, 7)) / 4
                    values = [values[place] for place in (0, 2, 4, 6)] + values[8:]
                tx, ty, tw, th, objectness, *classes = values
                x = (scale * sigmoid(tx) - (scale - 1) / 2 + column) / width
                y = (scale * sigmoid(ty) - (scale - 1) / 2 + row) / height
                ratios = [math.exp(tw), math.exp(th)]
                if kind == "new_coords":
                    ratios = [(2 * sigmoid(tw)) ** 2, (2 * sigmoid(th)) ** 2]
                probabilities = [sigmoid(one) for one in classes]
                if kind == "region":
                    probabilities = [math.exp(one) / sum(map(math.exp, classes)) for one in classes]
                confidence = sigmoid(objectness) * certainty
                box = [x, y, ratios[0] * anchor[0] / size[1], ratios[1] * anchor[1] / size[0]]
                rows.append([*box, *(confidence * one for one in probabilities)])
    return torch.tensor(rows)


def raw_output(path: Path, x: Tensor, channels: int) -> Tensor:
    """(channels, S, S) output of the 1 x 1 or 3 x 3 convolution that a weights file ends with, in the file's order."""
    count = channels * x.shape[1]
    floats = torch.from_numpy(np.fromfile(path, dtype="<f4", offset=20))
    edge = 3 if channels == 14 else 1
    weight = floats[-count * edge**2 :].view(channels, x.shape[1], edge, edge)
    bias = floats[-count * edge**2 - channels : -count * edge**2]
    return functional.conv2d(x, weight, bias, stride=2 if edge == 3 else 1, padding=edge // 2)[0]


@pytest.mark.parametrize(
    ("cfg", "kind", "channels", "anchors", "scale"),
    [
        (NEW_COORDS, "new_coords", 14, [(4, 6), (9, 5)], 2.0),
        (GAUSSIAN, "gaussian", 22, [(4, 6), (9, 5)], 1.1),
        (REGION, "region", 16, [(4, 6), (12, 10)], 1.0),  # 0.5,0.75 and 1.5,1.25 cells of 8 pixels
    ],
    ids=["new_coords", "gaussian", "region"],
)
@torch.no_grad()
def test_boxes_are_those_of_a_slow_loop(
    cfg: str,
    kind: str,
    channels: int,
    anchors: list[tuple[float, float]],
    scale: float,
    filled: Filled,
    wave_image: WaveImage,
    tmp_path: Path,
) -> None:
    network = filled(cfg)
    inputs: list[Tensor] = []
    network.layers[-2].register_forward_hook(lambda module, given, output: inputs.append(given[0]))
    found = rows_of(network.decode(network(wave_image(network))), network)
    raw = raw_output(tmp_path / "net.weights", inputs[0], channels)
    expected = slow_rows(raw, anchors, network.image_size, scale, kind)
    torch.testing.assert_close(in_order(found), in_order(expected), rtol=0, atol=1e-5)


@torch.no_grad()
def test_fused_scales_are_those_of_a_slow_version(filled: Filled, wave_image: WaveImage, tmp_path: Path) -> None:
    network = filled(FUSED)
    inputs: list[Tensor] = []
    for number in (2, 4):
        network.layers[number].register_forward_hook(lambda module, given, output: inputs.append(given[0]))
    found = rows_of(network.decode(network(wave_image(network))), network)
    floats = torch.from_numpy(np.fromfile(tmp_path / "net.weights", dtype="<f4", offset=20))
    coarse, fine = (values.clone() for values in floats[-160:].split(80))  # 16 biases, then 16 · 4 weights, twice
    heads = [
        functional.conv2d(x, values[16:].view(16, 4, 1, 1), values[:16])
        for x, values in zip(inputs, (coarse, fine), strict=True)
    ]
    expected = []
    for scale, anchors in enumerate([[(8, 7), (12, 14)], [(3, 4), (5, 6)]]):
        own = heads[scale]
        factors = own[:, -2:].sigmoid() * 2 / 2
        total = torch.zeros_like(own[:, :-2])
        for number, head in enumerate(heads):
            part = head[:, :-2]
            if number != scale:
                part = functional.interpolate(part, own.shape[2:], mode="bilinear", align_corners=False)
            total += part * factors[:, number : number + 1]
        expected.append(slow_rows(total[0], anchors, network.image_size, 1.0))
    torch.testing.assert_close(in_order(found), in_order(torch.cat(expected)), rtol=0, atol=1e-5)


def theirs(cfg: str, tmp_path: Path, image: Tensor) -> Tensor:
    """Rows of OpenCV's importer, whose classes are multiplied with the objectness already."""
    (tmp_path / "theirs.cfg").write_text(cfg)
    network = cv2.dnn.readNetFromDarknet(str(tmp_path / "theirs.cfg"), str(tmp_path / "net.weights"))
    network.setInput(image.numpy())
    rows = torch.from_numpy(network.forward()).reshape(-1, network.forward().shape[-1])
    return torch.cat([rows[:, :4], rows[:, 5:]], dim=1)


@pytest.mark.parametrize(
    ("cfg", "change"),
    [
        (NEW_COORDS, ("[yolo]", "[yolo]\nthresh=0")),  # a key of OpenCV's own: below it scores are 0
        (NEW_COORDS.replace("mish", "swish"), ("[yolo]", "[yolo]\nthresh=0")),
        (REGION, ("", "")),
    ],
    ids=["new_coords", "swish", "region"],
)
@torch.no_grad()
def test_opencv_reads_the_same_boxes(
    cfg: str, change: tuple[str, str], filled: Filled, wave_image: WaveImage, tmp_path: Path
) -> None:
    network = filled(cfg, bn_eps=1e-6)
    image = wave_image(network)
    found = rows_of(network.decode(network(image)), network)
    expected = theirs(cfg.replace(*change), tmp_path, image)
    torch.testing.assert_close(in_order(found), in_order(expected), rtol=0, atol=1e-4)


@torch.no_grad()
def test_debian_s_darknet_finds_the_same_in_a_network_of_yolov2(filled: Filled, tmp_path: Path) -> None:
    """``[region]``, ``[reorg]`` and batch normalization in the original program, run on an image file."""
    program = shutil.which("darknet")
    if program is None:
        pytest.skip("needs the original program: bash scripts/original")
    network = filled(REGION)
    save_darknet_weights(network, tmp_path / "net.weights", header=WeightsHeader((0, 2, 0)))
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    for number in range(4):  # it reads four images at a time
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "list").write_text("".join(f"{tmp_path}/{number}.png\n" for number in range(4)))
    (tmp_path / "names").write_text("a\nb\nc\n")
    lines = ("classes=3", f"valid={tmp_path}/list", f"names={tmp_path}/names", f"results={tmp_path}", "eval=voc")
    (tmp_path / "data").write_text("\n".join(lines))
    command = [program, "detector", "valid", "data", "net.cfg", "net.weights"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    (found,) = suppress(network.decode(network(image)), min_score=0.005, iou_threshold=0.45)
    assert len(found) > 6
    size = torch.tensor([24.0, 16.0, 24.0, 16.0])
    for label, name in enumerate("abc"):
        lines = (tmp_path / f"comp4_det_test_{name}.txt").read_text().splitlines()
        rows = torch.tensor([[float(number) for number in line.split()[1:]] for line in lines if line[0] == "0"])
        own = found.labels == label
        # the program writes the first pixel as 1, and cuts boxes off at the image
        corners = torch.cat([(found.boxes[own, :2] + 1).clamp(min=1), (found.boxes[own, 2:] + 1).minimum(size[2:])], 1)
        expected = torch.cat([found.scores[own, None], corners], dim=1)
        torch.testing.assert_close(in_order(rows), in_order(expected), rtol=0, atol=1e-4)
