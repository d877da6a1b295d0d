"""The YOLO detectors in PyTorch: YOLOv3 written out by hand, the same from a Darknet cfg, and YOLOv1."""

from yolo3.assign import TargetEncoder
from yolo3.blocks import CNNBlock, ConvSet, ResBlock, ResUnit
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.losses import YoloLoss
from yolo3.models import Darknet53, NeckAndConcatNet, ScalePrediction, YOLOv3
from yolo3.structures import Candidates, Detections, GroundTruth, ScaleOutput, Targets
from yolo3.suppression import suppress

__version__ = "0.1.0"

__all__ = [
    "COCO_ANCHORS",
    "Anchors",
    "CNNBlock",
    "Candidates",
    "ConvSet",
    "Darknet53",
    "Detections",
    "GroundTruth",
    "NeckAndConcatNet",
    "ResBlock",
    "ResUnit",
    "ScaleOutput",
    "ScalePrediction",
    "TargetEncoder",
    "Targets",
    "YOLOv3",
    "YoloLoss",
    "suppress",
]
