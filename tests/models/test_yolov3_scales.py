"""YOLOv3 of other numbers of scales than three."""

from pathlib import Path

import pytest
import torch
from torch import nn

from yolo3 import COCO_ANCHORS, Anchors, Darknet53, GroundTruth, YoloLoss, YOLOv3, load_checkpoint, save_checkpoint
from yolo3.boxes import InputFormat
from yolo3.checkpoint import ModelCard
from yolo3.darknet import load_darknet_weights, save_darknet_weights
from yolo3.darknet.cfg import DarknetError
from yolo3.darknet.darknet_export import as_darknet
from yolo3.presets import yolov3_nano

FOUR = Anchors((*COCO_ANCHORS.sizes, ((4, 5), (8, 6))), (32, 16, 8, 4))
TWO = Anchors(COCO_ANCHORS.sizes[:2], (32, 16))
ONE = Anchors(COCO_ANCHORS.sizes[:1], (32,))


@pytest.mark.parametrize("anchors", [ONE, TWO, COCO_ANCHORS, FOUR], ids=len)
def test_as_many_scales_as_strides(anchors: Anchors, tmp_path: Path) -> None:
    network = YOLOv3(2, width=0.1, anchors=anchors).train()
    images, size = torch.rand(2, 3, 64, 96), (64, 96)
    predictions = network(images)
    expected = [(2, len(sizes), size[0] // stride, size[1] // stride, 7) for sizes, stride in anchors]
    assert [tuple(scale.shape) for scale in predictions] == expected
    assert network.decode(predictions).boxes.shape == (2, sum(a * h * w for _, a, h, w, _ in expected), 4)

    truth = GroundTruth.collate([(torch.tensor([[5.0, 5, 12, 11]]), torch.tensor([1]))] * 2)
    YoloLoss(anchors)(predictions, truth).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    torch.optim.SGD(network.parameters(), lr=1e-3).step()

    save_checkpoint(tmp_path, network, ModelCard())
    again = load_checkpoint(tmp_path)[0]
    for one, other in zip(network.eval()(images), again.eval()(images), strict=True):  # type: ignore[attr-defined]
        assert torch.equal(one, other)


def test_a_fourth_scale_continues_the_three() -> None:
    """The same weights give the same first three predictions; a neck and a head come after them."""
    three, four = YOLOv3(2, width=0.1).eval(), YOLOv3(2, width=0.1, anchors=FOUR).eval()
    told = four.load_state_dict(three.state_dict(), strict=False)
    assert {name.split(".")[0] for name in told.missing_keys} == {"scale_3_neck", "scale_3_head"}
    assert not told.unexpected_keys
    images = torch.rand(1, 3, 64, 64)
    for one, other in zip(three(images), four(images)[:3], strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("num_maps", [1, 2, 3, 4, 5])
def test_a_backbone_gives_as_many_maps_as_are_asked_for(num_maps: int) -> None:
    backbone = Darknet53(width=0.1, num_maps=num_maps)
    maps = backbone(torch.rand(1, 3, 64, 64))
    assert [(each.shape[1], 64 // each.shape[2]) for each in maps] == list(
        zip(backbone.out_channels, (2, 4, 8, 16, 32)[-num_maps:], strict=True)
    )


def test_other_strides_with_a_backbone_of_ones_own() -> None:
    class Pools(nn.Module):
        out_channels = (4, 6)

        def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
            return [
                nn.functional.avg_pool2d(images, stride).repeat(1, 2, 1, 1)[:, :channels]
                for stride, channels in ((32, 4), (64, 6))
            ]

    network = YOLOv3(1, backbone=Pools(), anchors=Anchors(COCO_ANCHORS.sizes[:2], (64, 32)))
    assert network.stride == 64
    assert [scale.shape[2:4] for scale in network(torch.rand(1, 3, 64, 128))] == [(1, 2), (2, 4)]
    with pytest.raises(ValueError, match="image size 96 x 64 is not a multiple of 64"):
        network(torch.rand(1, 3, 96, 64))


@pytest.mark.parametrize(
    ("strides", "complaint"),
    [
        ((16, 8), r"Darknet53 has maps at strides 32, 16, 8, 4 and 2.* the anchors are for \(16, 8\)"),
        ((8, 16), r"strides are \(8, 16\); give them coarse to fine, each half of the one before"),
        ((32, 8), r"strides are \(32, 8\); give them coarse to fine"),
        ((32, 32), r"strides are \(32, 32\); give them coarse to fine"),
    ],
)
def test_refuses_strides(strides: tuple[int, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        YOLOv3(1, width=0.1, anchors=Anchors(COCO_ANCHORS.sizes[:2], strides))


def test_a_darknet_file_fills_the_backbone_of_any_number_of_scales(tmp_path: Path) -> None:
    first, second = (YOLOv3(2, width=0.1, anchors=anchors, conv_set_depth=5) for anchors in (FOUR, TWO))
    save_darknet_weights(first, tmp_path / "backbone.weights")
    assert load_darknet_weights(second, tmp_path / "backbone.weights").layers == 52
    assert torch.equal(first.backbone[5].units[3].expand.conv.weight, second.backbone[5].units[3].expand.conv.weight)


def test_names_of_tensors_are_those_of_earlier_checkpoints() -> None:
    parts = {name.split(".")[0] for name in yolov3_nano(2).state_dict()}
    assert parts == {
        *("backbone", "conv_set"),
        *("coarse_head", "medium_neck", "medium_head", "fine_neck", "fine_head"),
    }


def test_a_network_of_four_scales_cannot_be_written_as_the_cfg_of_three() -> None:
    with torch.device("meta"):
        network = YOLOv3(2, anchors=FOUR, conv_set_depth=5)
    with pytest.raises(DarknetError, match="of three scales"):
        as_darknet(network, InputFormat())
