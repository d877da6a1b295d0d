"""The parts of this library owe what they ask of others."""

from collections.abc import Callable
from typing import Literal, get_args

import pytest
from torch import Tensor

from yolo3 import COCO_ANCHORS, Anchors, Darknet, Darknet53, YOLOv1, YOLOv3
from yolo3.assign import (
    ATSS,
    AnchorsAboveIoU,
    BestAnchorInCell,
    BestAnchorOverall,
    BestAnchorPerScale,
    NeighbourCells,
    SimOTA,
    TaskAligned,
)
from yolo3.boxes import Overlap
from yolo3.darknet import DarknetBackbone
from yolo3.losses import (
    DarknetBox,
    DarknetLoss,
    FocalGIoULoss,
    IoUBox,
    MultiAnchorLoss,
    QualityLoss,
    RegionLoss,
    SquaredErrorBox,
    YoloLoss,
    YoloV1Loss,
)
from yolo3.protocols import Assigner, DetectionLoss, Detector
from yolo3.testing import check_assigner, check_backbone, check_box_term, check_detector, check_loss

FOUR = Anchors((*COCO_ANCHORS.sizes, ((4, 5), (8, 6))), (32, 16, 8, 4))


@pytest.mark.parametrize(
    "build",
    [
        lambda: YOLOv3(3, width=0.1),
        lambda: YOLOv3(3, width=0.1, anchors=FOUR, in_channels=4),
        lambda: YOLOv1(3, grid=2, width=1 / 64, hidden=16, dropout=0.5),
    ],
    ids=["yolov3", "four scales", "yolov1"],
)
def test_detectors(build: Callable[[], Detector]) -> None:
    check_detector(build())


def test_a_detector_of_a_cfg(one_stage_cfg: Callable[..., str]) -> None:
    check_detector(Darknet(one_stage_cfg((96, 128), 16)))


@pytest.mark.parametrize("num_maps", [2, 3, 4])
def test_backbones(num_maps: int) -> None:
    check_backbone(Darknet53(width=0.1, num_maps=num_maps), (32, 16, 8, 4)[:num_maps])


@pytest.mark.parametrize(
    "assigner",
    [ATSS(), AnchorsAboveIoU(), BestAnchorOverall(), BestAnchorPerScale(), NeighbourCells(), SimOTA(), TaskAligned()],
    ids=lambda assigner: type(assigner).__name__,
)
@pytest.mark.parametrize("anchors", [COCO_ANCHORS, FOUR], ids=len)
def test_assigners(assigner: Assigner, anchors: Anchors) -> None:
    check_assigner(assigner, anchors)


@pytest.mark.parametrize(
    "term",
    [SquaredErrorBox(), DarknetBox(), *(IoUBox(kind) for kind in get_args(Overlap) if kind != "iou")],
    ids=repr,
)
def test_box_terms(term: Callable[..., Tensor]) -> None:
    check_box_term(term)


@pytest.mark.parametrize(
    "loss",
    [YoloLoss(), YoloLoss(objectness_target="iou"), MultiAnchorLoss(), FocalGIoULoss(), DarknetLoss(), QualityLoss()],
    ids=lambda loss: type(loss).__name__,
)
def test_losses(loss: DetectionLoss) -> None:
    check_loss(loss)


def test_losses_with_a_detector() -> None:
    check_loss(YoloV1Loss(3), YOLOv1(3, grid=2, width=1 / 64, hidden=16))
    check_loss(YoloLoss(FOUR), YOLOv3(3, width=0.1, anchors=FOUR))


ONE_SCALE = Anchors((((18, 22), (60, 66), (106, 175)),), strides=(32,))

_REGION = """[net]
width=64
height=64
[convolutional]
batch_normalize=1
filters=8
size=3
stride=32
pad=1
activation=leaky
[convolutional]
filters=24
size=1
activation=linear
[region]
anchors=0.6,0.7, 1.9,2.1, 3.3,5.5
classes=3
num=3
softmax=1
"""


@pytest.mark.parametrize("match", ["anchors", "predictions"])
def test_the_policy_of_yolov2(match: Literal["anchors", "predictions"]) -> None:
    check_assigner(BestAnchorInCell(match=match), ONE_SCALE)
    check_assigner(BestAnchorInCell(match=match), COCO_ANCHORS)


def test_a_detector_and_the_loss_of_yolov2() -> None:
    network = Darknet(_REGION)
    check_detector(network)
    for target in ("iou", "binary"):
        check_loss(RegionLoss(network.anchors, objectness_target=target, prior_weight=0.01), network)


@pytest.mark.parametrize(("name", "layers"), [("darknet19", (10, 16, 22)), ("darknet53", (36, 61, 74))])
def test_backbones_of_a_classifier(name: str, layers: tuple[int, ...]) -> None:
    check_backbone(DarknetBackbone(name, layers=layers))
