"""Against what the original C programs gave for real networks and images.

``alexeyab`` divides by √(variance + 1e-5) in batch normalisation, ``pjreddie`` by √variance + 1e-6.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from yolo3 import Detections, suppress
from yolo3.boxes import Letterbox, xyxy_to_cxcywh
from yolo3.darknet import Darknet, load_darknet_weights, save_darknet_weights
from yolo3.data import network_input, read_image

ORACLES = [
    "yolo-fastest-1.1__dog__alexeyab__stretch",
    "yolo-fastest-1.1__dog__pjreddie__letterbox",
    "yolo-fastest-1.1__person__alexeyab__letterbox",
    "yoloface-50k__person__alexeyab__stretch",
    "yoloface-50k__person__pjreddie__letterbox",
]


def real_network(shared: Path, name: str, engine: str) -> Darknet:
    network = Darknet(shared / "weights" / f"{name}.cfg").eval()
    load_darknet_weights(network, shared / "weights" / f"{name}.weights")
    if engine == "pjreddie":
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_var = (module.running_var.sqrt() + 1e-6).square() - module.eps
    return network


def as_darknet(prediction: Tensor) -> Tensor:
    """Logits in our order -> (B, A·(5 + C), S, S) as Darknet keeps them."""
    objectness, centre, size, classes = prediction.split([1, 2, 2, prediction.shape[-1] - 5], dim=-1)
    columns = torch.cat([centre.sigmoid(), size, objectness.sigmoid(), classes.sigmoid()], dim=-1)
    return columns.permute(0, 1, 4, 2, 3).flatten(1, 2)


@pytest.mark.parametrize("oracle", ORACLES[:2])
def test_outputs_for_the_same_input(shared: Path, oracle: str) -> None:
    name, _, engine, _ = oracle.split("__")
    stored = np.load(shared / "oracles" / "darknet" / f"{oracle}.npz")
    with torch.no_grad():
        predictions = real_network(shared, name, engine)(torch.from_numpy(stored["input"])[None])
    for prediction, layer in zip(predictions, ("layer121_yolo", "layer130_yolo"), strict=True):
        torch.testing.assert_close(as_darknet(prediction), torch.from_numpy(stored[layer]), rtol=0, atol=2e-5)


@pytest.mark.parametrize("oracle", ORACLES[:2])
def test_every_layer_for_the_same_input(shared: Path, oracle: str) -> None:
    name, _, engine, _ = oracle.split("__")
    network = real_network(shared, name, engine)
    digests = json.loads((shared / "oracles" / "darknet" / f"{oracle}.json").read_text())["layers"]
    found: dict[int, Tensor] = {}
    for number, module in enumerate(network.layers):
        module.register_forward_hook(lambda _, __, out, number=number: found.__setitem__(number, out))
    with torch.no_grad():
        network(torch.from_numpy(np.load(shared / "oracles" / "darknet" / f"{oracle}.npz")["input"])[None])
    assert [digest["type"] for digest in digests] == [layer.section.kind for layer in network.plan]
    for digest, layer in zip(digests, network.plan, strict=True):
        if layer.head is not None or layer.number in network.prediction_channels:
            continue  # their channels stand in another order
        out = found[layer.number]
        assert list(out.shape) == digest["shape"], layer.number
        values = [out.mean(), out.abs().mean(), out.max(), out.min(), *out.flatten()[:8]]
        expected = [digest[key] for key in ("mean", "absmean", "max", "min")] + digest["first8"]
        torch.testing.assert_close(torch.stack(values), torch.tensor(expected), rtol=1e-5, atol=2e-5)


def darknet_boxes(found: Detections, letterbox: Letterbox) -> Tensor:
    """(N, 4) cx, cy, w, h relative to the image, not yet cut at its edges."""
    (down, right), (top, left), (height, width) = letterbox.scale, letterbox.origin, letterbox.image_size
    boxes = (found.boxes - torch.tensor([left, top, left, top])) / torch.tensor([right, down, right, down])
    return xyxy_to_cxcywh(boxes) / torch.tensor([width, height, width, height])


@pytest.mark.parametrize("oracle", ORACLES)
def test_detections_from_the_image(shared: Path, oracle: str) -> None:
    """JPEG decoders differ by up to three grey levels, which an image of 56 x 56 feels most."""
    name, image, engine, fit = oracle.split("__")
    fit = "stretch" if fit == "stretch" else "darknet"
    network = real_network(shared, name, engine)
    image = read_image(shared / "images" / f"{image}.jpg")
    letterbox = Letterbox.fit((image.shape[0], image.shape[1]), network.image_size, fit)
    with torch.no_grad():
        (found,) = suppress(network.decode(network(network_input(image, letterbox)[None])), min_score=0.1)
    expected = json.loads((shared / "oracles" / "darknet" / f"{oracle}.json").read_text())["detections"]
    assert sorted(found.labels.tolist()) == sorted(detection["class"] for detection in expected)
    boxes = darknet_boxes(found, letterbox)
    for detection in expected:
        distance = (boxes - torch.tensor(detection["cxcywh_rel"])).abs().amax(dim=1)
        distance[found.labels != detection["class"]] = torch.inf
        nearest = distance.argmin()
        assert distance[nearest] < 0.005
        tolerance = 0.01 if name == "yolo-fastest-1.1" else 0.012
        assert found.scores[nearest].item() == pytest.approx(detection["prob"], abs=tolerance)


@pytest.mark.parametrize("name", ["yolo-fastest-1.1", "yoloface-50k"])
def test_real_files_come_back_byte_for_byte(shared: Path, name: str, tmp_path: Path) -> None:
    network = Darknet(shared / "weights" / f"{name}.cfg")
    original = shared / "weights" / f"{name}.weights"
    loaded = load_darknet_weights(network, original)
    assert not loaded.partial
    assert loaded.header.version == (0, 2, 5)
    save_darknet_weights(network, tmp_path / "again.weights")
    assert (tmp_path / "again.weights").read_bytes() == original.read_bytes()
