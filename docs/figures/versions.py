"""Chapter 9: the three versions side by side."""

from dataclasses import replace

import torch

from figures import scene
from figures.svg import Panel
from yolo3 import COCO_ANCHORS, Anchors, ScaleOutput
from yolo3.assign import BestAnchorInCell, BestAnchorOverall
from yolo3.boxes import cxcywh_to_xyxy
from yolo3.models.yolov1 import CELL

REGION_CELLS = ((0.57273, 0.677385), (1.87446, 2.06253), (3.33843, 5.47434), (7.88282, 3.52778), (9.77052, 9.16828))
"""Anchors of ``yolov2.cfg``, in cells of 32 pixels."""


def region_anchors() -> Anchors:
    """YOLOv2's anchors for COCO, in pixels."""
    return Anchors((tuple((32 * width, 32 * height) for width, height in REGION_CELLS),), strides=(32,))


def responsible() -> list[Panel]:
    """The triangle in the grids of the three versions, with the cell and the anchor that answer for it."""
    boxes = scene.truth()
    truth = replace(boxes, labels=torch.zeros_like(boxes.labels))  # a blank grid has one class
    first = scene.panel(
        "The grid of YOLOv1 with the triangle's cell", title="v1: 4 × 4 cells", note="2 boxes, 1 class per cell"
    )
    first.grid(CELL)
    first.panel.box(first.cell(1, 1, CELL), "blue", 1.5, fill=0.3)
    first.objects(2, (0,))
    second = scene.panel(
        "The grid of YOLOv2 with the triangle's cell and anchor", title="v2: 8 × 8 cells", note="5 anchors per cell"
    )
    third = scene.panel(
        "The grid of YOLOv3 with the triangle's cell and anchor",
        title="v3: 3 grids",
        note="3 anchors per cell and grid",
    )
    for view, anchors, policy in (
        (second, region_anchors(), BestAnchorInCell()),
        (third, COCO_ANCHORS, BestAnchorOverall()),
    ):
        scales = ScaleOutput.blank(anchors, (scene.EDGE, scene.EDGE))
        for scale, targets in zip(scales, policy(truth, scales), strict=True):
            stride = int(scale.stride)
            for (_, anchor, row, column), box in zip(targets.slots.tolist(), targets.boxes, strict=True):
                if box[2] != 64:  # the triangle alone
                    continue
                view.grid(stride)
                view.panel.box(view.cell(row, column, stride), "blue", 1.5, fill=0.3)
                around = cxcywh_to_xyxy(torch.cat([box[:2], scale.anchors[anchor]]))
                view.panel.box(view.at(around.tolist()), "orange", 1.8, "5 3")
        view.objects(2, (0,))
    return [first.panel, second.panel, third.panel]
