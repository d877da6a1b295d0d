"""Boxes as numbers: formats, overlap, suppression, letterbox and anchors."""

from yolo3.boxes.anchors import COCO_ANCHORS, Anchors, SizeDecoding
from yolo3.boxes.convert import clip_boxes, cxcywh_to_xyxy, xyxy_to_cxcywh
from yolo3.boxes.iou import Overlap, box_iou, wh_iou
from yolo3.boxes.letterbox import InputFormat, Letterbox
from yolo3.boxes.nms import nms
from yolo3.boxes.sizes import height_width

__all__ = [
    "COCO_ANCHORS",
    "Anchors",
    "InputFormat",
    "Letterbox",
    "Overlap",
    "SizeDecoding",
    "box_iou",
    "clip_boxes",
    "cxcywh_to_xyxy",
    "height_width",
    "nms",
    "wh_iou",
    "xyxy_to_cxcywh",
]
