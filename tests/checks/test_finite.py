"""A network that cannot compute is told wherever it is saved, loaded, exported or run; it never finds "nothing"."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from onnx import numpy_helper
from torch import nn

from yolo3 import Anchors, Predictor, YOLOv3, load_checkpoint, save_checkpoint, save_darknet_weights
from yolo3.checkpoint import ModelCard
from yolo3.checkpoint.card import write_card
from yolo3.checks.finite import all_finite, unusable_numbers
from yolo3.cli import main
from yolo3.darknet import Darknet, DarknetError, load_darknet_weights
from yolo3.export import export_onnx, export_program
from yolo3.export.sealing import write_sealed
from yolo3.structures import Candidates

CARD = ModelCard(("cat", "dog"), image_size=(32, 32))


def test_what_is_said_of_numbers() -> None:
    a, b = torch.zeros(3, 2), torch.ones(4)
    named = {"a": a, "b.running_var": b, "count": torch.tensor(3), "none": torch.zeros(0)}
    assert unusable_numbers(named.items()) is None
    b[1] = -1e-7
    assert unusable_numbers(named.items()) == "1 of 4 variances are negative, first in b.running_var"
    b[2], b[3] = torch.inf, torch.nan
    assert unusable_numbers(named.items()) == "2 of 10 numbers are not finite, first in b.running_var"
    a[2, 1] = -torch.inf
    assert unusable_numbers(named.items()) == "3 of 10 numbers are not finite, first in a"
    assert all_finite(torch.ones(2), torch.zeros(0))
    assert not all_finite(torch.ones(2), torch.tensor([1.0, torch.nan]))
    assert not all_finite(torch.tensor([1.0, -torch.inf], dtype=torch.bfloat16))


def _nan(network: Darknet) -> None:
    network.layers[1].conv.weight.data[0, 0] = torch.nan


def _infinite(network: Darknet) -> None:
    network.layers[0].norm.running_mean[3] = torch.inf


def _negative_variance(network: Darknet) -> None:
    network.layers[0].norm.running_var[5] = -0.5


DAMAGES = pytest.mark.parametrize(
    ("damage", "in_network", "in_file"),
    [
        (_nan, "1 of 311 numbers are not finite, first in layers.1.conv.weight", "1 of 311 .* first in layer 1$"),
        (_infinite, "1 of 311 .* first in layers.0.norm.running_mean", "1 of 311 .* first in layer 0$"),
        (
            _negative_variance,
            "1 of 8 variances are negative, first in layers.0.norm.running_var",
            "layer 0 running_var$",
        ),
    ],
)


@pytest.fixture
def damaged(one_stage_cfg: Callable[..., str]) -> Darknet:
    """8·27 + 4·8 + 7·8 + 7 = 311 numbers."""
    return Darknet(one_stage_cfg((32, 32), stride=8, anchors=(1,), num_classes=2)).eval()


@DAMAGES
def test_it_is_not_saved(
    damaged: Darknet, damage: Callable[[Darknet], None], in_network: str, in_file: str, tmp_path: Path
) -> None:
    damage(damaged)
    with pytest.raises(ValueError, match=in_network):
        save_checkpoint(tmp_path / "run", damaged, CARD)
    with pytest.raises(DarknetError, match=in_file.rstrip("$")):
        save_darknet_weights(damaged, tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


@DAMAGES
def test_it_is_not_exported(
    damaged: Darknet, damage: Callable[[Darknet], None], in_network: str, in_file: str, tmp_path: Path
) -> None:
    damage(damaged)
    with pytest.raises(ValueError, match=f"this Darknet cannot be exported: {in_network}"):
        export_onnx(damaged, tmp_path / "model.onnx", CARD)
    with pytest.raises(ValueError, match=f"this Darknet cannot be exported: {in_network}"):
        export_program(damaged, tmp_path / "model.pt2", CARD)
    assert list(tmp_path.iterdir()) == []


@DAMAGES
def test_it_is_not_run(damaged: Darknet, damage: Callable[[Darknet], None], in_network: str, in_file: str) -> None:
    damage(damaged)
    with pytest.raises(ValueError, match=f"this Darknet can find nothing: {in_network}"):
        Predictor(damaged, ("cat", "dog"))


@DAMAGES
def test_it_is_not_loaded_from_a_checkpoint(
    damaged: Darknet,
    damage: Callable[[Darknet], None],
    in_network: str,
    in_file: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_checkpoint(tmp_path / "run", damaged, CARD)
    card = load_checkpoint(tmp_path / "run")[1]
    (weights,) = (tmp_path / "run").glob("*.safetensors")
    damage(damaged)
    _replaced(weights, card, damaged)
    with pytest.raises(ValueError, match=f"holds no usable weights: {in_network}"):
        load_checkpoint(tmp_path / "run")
    assert main(["detect", str(tmp_path / "run"), "x.png", "--output", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
    capsys.readouterr()


def _replaced(weights: Path, card: ModelCard, network: nn.Module) -> None:
    """Put other weights into a checkpoint, with their digest, as another program could."""
    import hashlib

    weights.unlink()
    content = safetensors.torch.save(dict(network.state_dict()))
    digest = hashlib.sha256(content).hexdigest()
    name = f"model-{digest[:12]}.safetensors"
    weights.with_name(name).write_bytes(content)
    write_card(weights.with_name("model.json"), card, name, digest)


@DAMAGES
def test_it_is_not_loaded_from_darknets_file(
    damaged: Darknet, damage: Callable[[Darknet], None], in_network: str, in_file: str, tmp_path: Path
) -> None:
    """The file is written with the number in its place; nothing of it reaches the network."""
    save_darknet_weights(damaged, tmp_path / "w")
    floats = np.memmap(tmp_path / "w", dtype="<f4", mode="r+", offset=20)
    place, value = {_nan: (8 * 27 + 32 + 7, np.nan), _infinite: (16 + 3, np.inf), _negative_variance: (24 + 5, -0.5)}[
        damage
    ]
    floats[place] = value
    floats.flush()
    network = Darknet(damaged.cfg_text)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(
        DarknetError, match=rf"w: {in_file.rstrip('$')}" if damage is not _negative_variance else "w: 1 of 8"
    ):
        load_darknet_weights(network, tmp_path / "w")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_it_is_not_read_from_onnx(damaged: Darknet, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export_onnx(damaged, path, CARD, "decoded")
    model = onnx.load(path)
    constant = next(each for each in model.graph.initializer if len(each.dims) == 4)
    values = numpy_helper.to_array(constant).copy()
    values[1, 2] = np.nan
    constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    write_sealed(model, path)
    with pytest.raises(
        ValueError, match=r"model\.onnx holds no usable weights: 9 of \d+ numbers are not finite, first in "
    ):
        Predictor.from_exported(path)


class Overflowing(nn.Module):
    """Gives what it is told to; its weights are finite."""

    num_classes, stride, anchors = 2, 32, Anchors((((10, 20),),), (32,))

    def __init__(self, boxes: float = 1.0, scores: float = 0.5) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 32, 32, bias=False)
        nn.init.constant_(self.conv.weight, 100.0)
        self.given = boxes, scores

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.conv(images)

    def decode(self, predictions: torch.Tensor) -> Candidates:
        count = len(predictions)
        boxes, scores = self.given
        overflow = predictions.flatten(1).amax(dim=1)[:, None, None] * 0  # NaN where it is infinite
        corners = boxes * torch.tensor([1.0, 2, 20, 30]).expand(count, 3, 4)
        return Candidates(corners + overflow, torch.full((count, 3, 2), scores) + overflow)


IMAGE = torch.ones(3, 32, 32)


@pytest.mark.parametrize(("boxes", "scores"), [(torch.nan, 0.5), (torch.inf, 0.5), (1.0, torch.nan)])
def test_a_network_that_gives_nan_is_told(boxes: float, scores: float) -> None:
    predictor = Predictor(Overflowing(boxes, scores), image_size=32, precision="fp32")
    with pytest.raises(
        ValueError, match=r"gives boxes or scores that are not finite; its weights are finite, but so large"
    ):
        predictor(IMAGE)


def test_an_overflow_of_half_precision_says_what_to_choose() -> None:
    """3 · 32 · 32 · 100 = 307,200, where float16 ends at 65,504."""
    assert len(Predictor(Overflowing(), image_size=32, precision="fp32", min_score=0.1)(IMAGE)[0]) > 0
    assert len(Predictor(Overflowing(), image_size=32, precision="bf16", min_score=0.1)(IMAGE)[0]) > 0
    with pytest.raises(ValueError, match=r"float16 ends at 65,504: choose precision bf16 or fp32"):
        Predictor(Overflowing(), image_size=32, precision="fp16", min_score=0.1)(IMAGE)


def test_a_stock_network_whose_logits_overflow() -> None:
    network = YOLOv3(2, width=0.1).eval()
    with torch.no_grad():
        network.backbone[0].norm.weight.fill_(1e38)
        network.backbone[1].downsample.norm.weight.fill_(1e38)
    with pytest.raises(ValueError, match="so large that they overflow"):
        Predictor(network, image_size=32, precision="fp32")(IMAGE)


def test_training_code_that_saves_nan_is_stopped(tmp_path: Path) -> None:
    """What was there before stays."""
    network: Any = YOLOv3(2, width=0.1)
    save_checkpoint(tmp_path, network, ModelCard())
    before = sorted(path.name for path in tmp_path.iterdir())
    with torch.no_grad():
        network.fine_head.predict.bias[0] = torch.nan
    with pytest.raises(ValueError, match=r"1 of [\d,]+ numbers are not finite, first in fine_head\.predict\.bias"):
        save_checkpoint(tmp_path, network, ModelCard())
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    load_checkpoint(tmp_path)
