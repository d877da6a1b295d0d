"""Losses: recipes, one per file, and the terms they are made of."""

from yolo3.losses.anchor_loss import AnchorLoss
from yolo3.losses.darknet import DarknetLoss
from yolo3.losses.focal_giou import FocalGIoULoss
from yolo3.losses.multi_anchor import MultiAnchorLoss
from yolo3.losses.quality import QualityLoss
from yolo3.losses.region import RegionLoss
from yolo3.losses.terms import (
    BinaryCrossEntropy,
    BoxTerm,
    ClassTerm,
    CrossEntropyClasses,
    DarknetBox,
    FocalCrossEntropy,
    IoUBox,
    LogitTerm,
    MultiLabelClasses,
    QualityFocal,
    SquaredErrorBox,
    SquaredErrorProbability,
    Varifocal,
)
from yolo3.losses.yolo import YoloLoss
from yolo3.losses.yolov1 import YoloV1Loss

__all__ = [
    "AnchorLoss",
    "BinaryCrossEntropy",
    "BoxTerm",
    "ClassTerm",
    "CrossEntropyClasses",
    "DarknetBox",
    "DarknetLoss",
    "FocalCrossEntropy",
    "FocalGIoULoss",
    "IoUBox",
    "LogitTerm",
    "MultiAnchorLoss",
    "MultiLabelClasses",
    "QualityFocal",
    "QualityLoss",
    "RegionLoss",
    "SquaredErrorBox",
    "SquaredErrorProbability",
    "Varifocal",
    "YoloLoss",
    "YoloV1Loss",
]
