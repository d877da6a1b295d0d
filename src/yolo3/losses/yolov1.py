"""The loss of YOLOv1."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from yolo3.assign.grid import last_in_slot
from yolo3.assign.truth import check_truth
from yolo3.boxes import box_iou, cxcywh_to_xyxy, xyxy_to_cxcywh
from yolo3.choices import ObjectnessTarget, check_choice
from yolo3.losses.distributed import world_size
from yolo3.losses.terms import total
from yolo3.models.yolov1 import CELL, GridOutput
from yolo3.structures import GroundTruth


@dataclass(frozen=True)
class YoloV1Loss:
    """Sums of squared errors: in a cell with an object, the predictor of highest IoU with it is responsible.

    Args:
        num_classes: Number of classes C.
        num_boxes: Number of boxes K per cell.
        objectness_target: Confidence that a responsible predictor should have: ``binary`` 1, ``iou`` the IoU of its
            box, as in the paper.
        background: Predictors whose confidence should be 0: all of the ``cells`` without an object, or all
            ``predictors`` that are not responsible, which adds the others of a cell with one, as the formula's 1^noobj
            can be read.
        box_weight: Weight of the boxes, λ_coord.
        objectness_weight: Weight of the confidence of responsible predictors.
        background_weight: Weight of the confidence of background predictors, λ_noobj.
        class_weight: Weight of the class probabilities in cells with an object.

    Raises:
        ValueError: An unknown `objectness_target` or `background`.

    Source:
        YOLO, arXiv 1506.02640 eq. 3.
    """

    num_classes: int = 20
    _: KW_ONLY
    num_boxes: int = 2
    objectness_target: ObjectnessTarget = "binary"
    background: Literal["cells", "predictors"] = "cells"
    box_weight: float = 5.0
    objectness_weight: float = 1.0
    background_weight: float = 0.5
    class_weight: float = 1.0

    def __post_init__(self) -> None:
        check_choice("objectness_target", self.objectness_target, ObjectnessTarget)
        if self.background not in ("cells", "predictors"):
            raise ValueError(f"background is {self.background!r}; choose cells or predictors")

    def __call__(self, predictions: Tensor, targets: GroundTruth | Tensor) -> Tensor:
        """The loss, a scalar: the sum of `terms`, which takes the same arguments."""
        return total(self.terms(predictions, targets))

    def terms(self, predictions: Tensor, targets: GroundTruth | Tensor) -> dict[str, Tensor]:
        """The loss by parts, weighted: box, objectness, background, classes.

        Args:
            predictions: (B, S, S, C + 5·K), or flat as `YOLOv1` gives them.
            targets: A `GroundTruth`, or the targets that `assign` makes: (B, S, S, C + 5·K) with, per cell, the
                classes, 1 or 0 (an object or none), and x, y, w, h; the rest is not used.

        Raises:
            ValueError: Targets of another shape, an object that no target can be made of.
        """
        output = GridOutput.from_predictions(predictions, self.num_classes, self.num_boxes)
        if isinstance(targets, GroundTruth):
            encoded, weight = self._encode(output, targets)
        else:
            encoded = targets.to(output.values)
            weight = torch.ones_like(encoded[..., 0])
        if encoded.shape != output.values.shape:
            raise ValueError(f"targets are {tuple(encoded.shape)}, predictions {tuple(output.values.shape)}")
        truth = GridOutput(encoded, self.num_classes)
        is_object = truth.confidence[..., 0]  # (B, S, S)
        box = truth.xywh[..., :1, :]  # (B, S, S, 1, 4)
        weight = weight * is_object

        overlap = box_iou(cxcywh_to_xyxy(output.xywh), cxcywh_to_xyxy(box)).detach()  # (B, S, S, K)
        reached, responsible = overlap.max(dim=-1, keepdim=True)
        found = output.xywh.gather(3, responsible[..., None].expand_as(box)).squeeze(3)
        confidence = output.confidence.gather(3, responsible).squeeze(3)
        silent = (1 - is_object)[..., None].expand_as(output.confidence)  # (B, S, S, K)
        if self.background == "predictors":
            silent = torch.ones_like(silent).scatter(3, responsible, 1 - is_object[..., None])
        wanted = torch.ones_like(confidence)
        if self.objectness_target == "iou":
            wanted = reached.squeeze(3)
        error = _with_roots(found, 1e-6) - _with_roots(box.squeeze(3))  # only predictions need a gradient at 0
        squared = {
            "box": error.square().sum(dim=-1) * weight,
            "objectness": (confidence - wanted).square() * weight,
            "background": (output.confidence.square() * silent).sum(dim=-1),
            "classes": (output.classes - truth.classes).square().sum(dim=-1) * weight,
        }
        weights = {
            "box": self.box_weight,
            "objectness": self.objectness_weight,
            "background": self.background_weight,
            "classes": self.class_weight,
        }
        # the part of a sum over all processes, as `average` has the part of a mean
        return {name: world_size() * weights[name] * values.sum() for name, values in squared.items()}

    def assign(self, predictions: Tensor, truth: GroundTruth) -> Tensor:
        """(B, S, S, C + 5·K) targets: an object belongs to the cell of its centre, which takes the first of several.

        Raises:
            ValueError: An object that no target can be made of; the message names the box.

        Source:
            That the first one counts: Darknet's ``fill_truth_region``.
        """
        return self._encode(GridOutput.from_predictions(predictions, self.num_classes, self.num_boxes), truth)[0]

    def _encode(self, output: GridOutput, truth: GroundTruth) -> tuple[Tensor, Tensor]:
        """Targets, and the (B, S, S) weight of the object in each cell."""
        batch_size, grid = output.values.shape[:2]
        truth = truth.to(output.values.device)
        size = (grid * CELL, grid * CELL)
        truth = check_truth(truth, size, self.num_classes, batch_size, output.values.dtype)
        boxes = xyxy_to_cxcywh(truth.boxes) / CELL
        column, row = boxes[:, :2].long().clamp(0, grid - 1).unbind(1)
        backwards = torch.stack([truth.image, torch.zeros_like(row), row, column], dim=1).flip(0)
        last = last_in_slot(backwards, (batch_size, 1, grid, grid)).flip(0)  # counted from the end
        first = (len(truth) - 1 - last == torch.arange(len(truth), device=last.device)).nonzero().squeeze(1)

        cells = torch.stack([column, row], dim=1)
        offset = (boxes[:, :2] - cells).clamp(0, 1 - torch.finfo(boxes.dtype).eps)
        hot = truth.labels if truth.labels.ndim == 2 else F.one_hot(truth.labels, self.num_classes)
        values = torch.cat([hot, torch.ones_like(offset[:, :1]), offset, boxes[:, 2:]], dim=1)
        target = torch.zeros_like(output.values)
        weight = torch.ones_like(output.values[..., 0])
        slots = (truth.image[first], row[first], column[first])
        target[..., : self.num_classes + 5][slots] = values[first].to(target.dtype)
        weight[slots] = truth.object_weights[first].to(weight.dtype)
        return target, weight


def _with_roots(xywh: Tensor, tiny: float = 0.0) -> Tensor:
    """(..., 4) x, y, √w, √h, so that the same error counts more in a small box. A negative size keeps its sign.

    Args:
        xywh: (..., 4) x, y, w, h.
        tiny: Number added under the root, whose gradient at 0 would be infinite.
    """
    centre, size = xywh[..., :2], xywh[..., 2:]
    return torch.cat([centre, size.sign() * (size.abs() + tiny).sqrt()], dim=-1)
