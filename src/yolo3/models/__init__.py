"""The hand-written networks."""

from yolo3.models.channels import adapt_channels, adapted_kernel
from yolo3.models.darknet53 import Darknet53
from yolo3.models.decoding import decode
from yolo3.models.yolov1 import YOLOv1
from yolo3.models.yolov3 import NeckAndConcatNet, ScalePrediction, YOLOv3

__all__ = [
    "Darknet53",
    "NeckAndConcatNet",
    "ScalePrediction",
    "YOLOv1",
    "YOLOv3",
    "adapt_channels",
    "adapted_kernel",
    "decode",
]
