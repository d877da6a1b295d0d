"""Heads other than YOLOv3's in training, in files and checkpoints, and those that are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from yolo3 import Anchors, GroundTruth, YoloLoss, suppress
from yolo3.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from yolo3.cli.losses import build_loss
from yolo3.darknet import (
    Darknet,
    DarknetError,
    WeightsHeader,
    adapted_cfg,
    load_darknet_weights,
    refitted_cfg,
    save_darknet_weights,
)
from yolo3.darknet.heads import GaussianPrediction
from yolo3.losses import DarknetLoss, FocalGIoULoss, MultiAnchorLoss, RegionLoss

CFGS = Path(__file__).parent / "cfgs"
FUSED, GAUSSIAN, NEW_COORDS, REGION = (
    (CFGS / f"{name}.cfg").read_text() for name in ("fused", "gaussian", "new_coords", "region")
)
Filled = Callable[..., Darknet]
WaveImage = Callable[[Darknet], Tensor]
NAMES = ["fused", "gaussian", "new_coords", "region"]


def test_logits_of_new_coords_are_before_the_sigmoid(filled: Filled, wave_image: WaveImage) -> None:
    network = filled(NEW_COORDS)
    assert isinstance(network.layers[2].activation, torch.nn.Identity)
    (prediction,) = network(wave_image(network))
    assert prediction.min() < 0
    assert network.anchors.size_decoding == "sigmoid"


@pytest.mark.parametrize("recipe", [YoloLoss, DarknetLoss, FocalGIoULoss, MultiAnchorLoss])
@pytest.mark.parametrize("cfg", [FUSED, GAUSSIAN, NEW_COORDS, REGION], ids=NAMES)
def test_every_head_learns(cfg: str, recipe: type[YoloLoss]) -> None:
    torch.manual_seed(0)
    network = Darknet(cfg)
    loss = recipe(network.anchors)
    truth = GroundTruth(torch.tensor([[3.0, 1.0, 9.0, 6.0]]), torch.tensor([1]), torch.tensor([0]))
    images = torch.rand(1, 3, *network.image_size)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    values = []
    for _ in range(40):
        value = loss(network(images), truth)
        optimizer.zero_grad()
        value.backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
        assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.7 * values[0]


def test_a_network_with_new_coords_learns_its_boxes() -> None:
    torch.manual_seed(0)
    network = Darknet(NEW_COORDS)
    truth = GroundTruth(torch.tensor([[3.0, 1.0, 9.0, 6.0]]), torch.tensor([1]), torch.tensor([0]))
    images = torch.rand(1, 3, 8, 16)
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(300):
        optimizer.zero_grad()
        YoloLoss(network.anchors)(network(images), truth).backward()
        optimizer.step()
    with torch.no_grad():
        (found,) = suppress(network.decode(network(images)), min_score=0.5)
    torch.testing.assert_close(found.boxes[0], truth.boxes[0], rtol=0, atol=0.3)
    assert found.labels[0] == 1


def test_a_network_of_yolov2_learns_with_its_own_loss() -> None:
    torch.manual_seed(0)
    network = Darknet(REGION)
    truth = GroundTruth(torch.tensor([[3.0, 1.0, 9.0, 6.0]]), torch.tensor([1]), torch.tensor([0]))
    images = torch.rand(1, 3, 16, 24)
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(300):
        optimizer.zero_grad()
        RegionLoss(network.anchors)(network(images), truth).backward()
        optimizer.step()
    with torch.no_grad():
        (found,) = suppress(network.decode(network(images)), min_score=0.5)
    torch.testing.assert_close(found.boxes[0], truth.boxes[0], rtol=0, atol=0.3)
    assert found.labels.tolist() == [1]


def test_the_loss_of_a_network_is_chosen_by_its_classes() -> None:
    assert isinstance(build_loss(None, Darknet(REGION)), RegionLoss)
    assert isinstance(build_loss("yolo", Darknet(REGION)), YoloLoss)
    with pytest.raises(ValueError, match=r"--loss darknet learns each class by itself, .* choose region or yolo"):
        build_loss("darknet", Darknet(REGION))
    assert isinstance(build_loss(None, Darknet(REGION.replace("softmax=1", "softmax=0"))), FocalGIoULoss)


@pytest.mark.parametrize("cfg", [FUSED, GAUSSIAN, NEW_COORDS, REGION], ids=NAMES)
def test_objectness_starts_from_the_prior(cfg: str) -> None:
    """Before any training hardly anything is found: every score begins near 0.01 · 0.6 / (C - 0.99)."""
    torch.manual_seed(0)
    network = Darknet(cfg).eval()
    with torch.no_grad():
        scores = network.decode(network(torch.full((1, 3, *network.image_size), 0.5))).scores
    assert scores.max() < 0.05


@pytest.mark.parametrize("cfg", [FUSED, GAUSSIAN, NEW_COORDS, REGION], ids=NAMES)
def test_a_weights_file_and_a_checkpoint_keep_them(
    cfg: str, filled: Filled, wave_image: WaveImage, tmp_path: Path
) -> None:
    network = filled(cfg)
    save_darknet_weights(network, tmp_path / "again.weights")
    assert (tmp_path / "again.weights").read_bytes() == (tmp_path / "net.weights").read_bytes()
    save_checkpoint(tmp_path / "checkpoint", network, ModelCard(image_size=network.image_size))
    again, _ = load_checkpoint(tmp_path / "checkpoint")
    image = wave_image(network)
    with torch.no_grad():
        found = again.eval().decode(again(image))
        expected = network.decode(network(image))
    assert torch.equal(found.boxes, expected.boxes)
    assert torch.equal(found.scores, expected.scores)


@pytest.mark.parametrize("stray", [-200.0, 30.0, 200.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_stray_uncertainties_leave_finite_numbers(stray: float, dtype: torch.dtype) -> None:
    x = torch.zeros(1, 22, 2, 2, dtype=dtype)
    x[:, 14:] = stray  # uncertainties come last in the library's order
    x[:, 0] = 50.0
    x.requires_grad_()
    prediction = GaussianPrediction(2)(x)
    prediction.float().sigmoid().sum().backward()
    assert prediction.isfinite().all()
    assert x.grad.isfinite().all()
    assert (prediction[..., 0].float().sigmoid() > 0.4).any() == (stray < 0)


@pytest.mark.parametrize(
    ("cfg", "before", "after", "complaint"),
    [
        (REGION, "softmax=1", "softmax=1\ntree=9k.tree", r"tree=9k.tree makes a YOLOv2 tree \(YOLO9000\)"),
        (REGION, "coords=4", "coords=5", "coords=5 is not supported; only 4 is"),
        (REGION, "softmax=1", "background=1", "background=1 is not supported; only 0 is"),
        (REGION, "activation=linear", "activation=logistic", r"before a \[region\] must be linear"),
        (REGION, "1.5,1.25", "1.5", "must be num=2 pairs of width, height; there are 3 numbers"),
        (NEW_COORDS, "activation=logistic", "activation=linear", "with new_coords=1 must be logistic"),
        (NEW_COORDS, "new_coords=1", "", "activation=logistic before a .yolo. must be linear"),
        (GAUSSIAN, "filters=22", "filters=14", r"must be 22 for the \[Gaussian_yolo\]"),
        (GAUSSIAN, "scale_x_y=1.1", "yolo_point=left_top", "yolo_point=left_top is not supported; only center is"),
        (FUSED, "from=2,4", "from=2", "filters=16 must be 15 for the .* and one weight for each of 1 scales"),
        (FUSED, "from=2,4", "from=2,4\nnew_coords=1", "new_coords=1 cannot be combined with from="),
        (FUSED, "filters=16", "filters=14", "must be 16 for the .* and one weight for each of 2 scales"),
        (FUSED, "from=2,4", "from=2,1", "activation=leaky before a .yolo. must be linear"),
    ],
)
def test_heads_that_do_not_fit(cfg: str, before: str, after: str, complaint: str) -> None:
    assert before in cfg
    with pytest.raises(DarknetError, match=complaint):
        Darknet(cfg.replace(before, after))


def test_a_batchnorm_in_a_file_of_the_original_program_has_no_biases(filled: Filled, tmp_path: Path) -> None:
    network = filled(GAUSSIAN)
    with pytest.raises(DarknetError, match=r"no place for the biases of the \[batchnorm\] at layer 6"):
        save_darknet_weights(network, tmp_path / "old", header=WeightsHeader((0, 2, 0)))
    torch.nn.init.zeros_(network.layers[6].bias)
    save_darknet_weights(network, tmp_path / "old", header=WeightsHeader((0, 2, 0)))
    assert (tmp_path / "old").stat().st_size == (tmp_path / "net.weights").stat().st_size - 4 * 6
    again = Darknet(GAUSSIAN)
    torch.nn.init.ones_(again.layers[6].bias)
    load_darknet_weights(again, tmp_path / "old")
    for name, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_a_fused_head_names_as_many_scales_as_there_are() -> None:
    text = FUSED.replace("filters=16", "filters=15").replace("from=2,4", "from=2")
    with pytest.raises(DarknetError, match=r"from=2 names 1 layers, but this is \[yolo\] number 2"):
        Darknet(text)
    text = FUSED[: FUSED.rindex("[yolo]")]
    with pytest.raises(DarknetError, match=r"from=2,4 names 2 layers; there are 1 \[yolo\]"):
        Darknet(text)


def test_anchors_of_a_region_are_refitted_in_cells() -> None:
    anchors = Anchors((((6, 10), (12, 9)),), (8,))
    text = refitted_cfg(Darknet(REGION), anchors)
    assert "anchors=0.75,1.25, 1.5,1.125" in text
    assert Darknet(text).anchors == anchors


def test_a_shipped_cfg_with_the_other_decoding_of_sizes() -> None:
    sizes = (((90, 80), (70, 60), (50, 40)), ((30, 30), (20, 30), (30, 20)), ((10, 12), (8, 8), (4, 5)))
    anchors = Anchors(sizes, (32, 16, 8), (2.0, 2.0, 2.0), "sigmoid")
    with torch.device("meta"):
        network = Darknet(adapted_cfg("yolov3", 2, anchors))
    assert network.anchors == anchors
    assert isinstance(network.layers[81].activation, torch.nn.Identity)
