"""The loss of YOLOv1."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from yolo3.assign.grid import last_in_slot
from yolo3.assign.truth import check_truth
from yolo3.boxes import box_iou, cxcywh_to_xyxy, xyxy_to_cxcywh
from yolo3.losses.distributed import world_size
from yolo3.losses.terms import total
from yolo3.models.yolov1 import CELL, GridOutput
from yolo3.structures import GroundTruth


@dataclass(frozen=True)
class YoloV1Loss:
    """Sums of squared errors: in a cell with an object, the predictor of highest IoU with it is responsible.

    Args:
        num_classes: C.
        num_boxes: K, boxes a cell.
        objectness_target: what the confidence of a responsible predictor should be: ``binary`` 1, ``iou`` the overlap
            its box has reached, as the paper has it.
        box_weight: λ_coord.
        objectness_weight: of the confidence of responsible predictors.
        background_weight: λ_noobj, of the confidence of all predictors of a cell without an object.
        class_weight: of the class probabilities of cells with an object.

    Raises:
        ValueError: an unknown `objectness_target`.

    Source:
        YOLO, arXiv 1506.02640 eq. 3.
    """

    num_classes: int = 20
    _: KW_ONLY
    num_boxes: int = 2
    objectness_target: Literal["binary", "iou"] = "binary"
    box_weight: float = 5.0
    objectness_weight: float = 1.0
    background_weight: float = 0.5
    class_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.objectness_target not in ("binary", "iou"):
            raise ValueError(f"objectness_target is {self.objectness_target!r}; choose binary or iou")

    def __call__(self, predictions: Tensor, targets: GroundTruth | Tensor) -> Tensor:
        """The loss, a scalar; arguments as in `terms`."""
        return total(self.terms(predictions, targets))

    def terms(self, predictions: Tensor, targets: GroundTruth | Tensor) -> dict[str, Tensor]:
        """The loss by parts, weighted: box, objectness, background, classes.

        Args:
            predictions: (B, S, S, C + 5·K), or flat as `YOLOv1` gives them.
            targets: a `GroundTruth`, or what `assign` makes of it: (B, S, S, C + 5·K), of each cell the classes, 1 or
                0 (an object or none), and x, y, w, h; the rest is not looked at.

        Raises:
            ValueError: targets of another shape, an object that no target can be made of.
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
        is_object, box = truth.confidence[..., 0], truth.xywh[..., :1, :]  # (B, S, S) and (B, S, S, 1, 4)
        weight = weight * is_object

        overlap = box_iou(cxcywh_to_xyxy(output.xywh), cxcywh_to_xyxy(box)).detach()  # (B, S, S, K)
        reached, responsible = overlap.max(dim=-1, keepdim=True)
        found = output.xywh.gather(3, responsible[..., None].expand_as(box)).squeeze(3)
        confidence = output.confidence.gather(3, responsible).squeeze(3)
        wanted = reached.squeeze(3) if self.objectness_target == "iou" else torch.ones_like(confidence)
        squared = {
            "box": (_with_roots(found, 1e-6) - _with_roots(box.squeeze(3))).square().sum(dim=-1) * weight,
            "objectness": (confidence - wanted).square() * weight,
            "background": output.confidence.square().sum(dim=-1) * (1 - is_object),
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
        """(B, S, S, C + 5·K) targets: an object belongs to the cell of its centre, and of several there the first.

        Raises:
            ValueError: an object that no target can be made of; it names the box.

        Source:
            That the first one counts: Darknet's ``fill_truth_region``.
        """
        return self._encode(GridOutput.from_predictions(predictions, self.num_classes, self.num_boxes), truth)[0]

    def _encode(self, output: GridOutput, truth: GroundTruth) -> tuple[Tensor, Tensor]:
        """Targets, and (B, S, S) how much the object of each cell counts."""
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
        target, weight = torch.zeros_like(output.values), torch.ones_like(output.values[..., 0])
        slots = (truth.image[first], row[first], column[first])
        target[..., : self.num_classes + 5][slots] = values[first].to(target.dtype)
        weight[slots] = truth.object_weights[first].to(weight.dtype)
        return target, weight


def _with_roots(xywh: Tensor, tiny: float = 0.0) -> Tensor:
    """(..., 4) x, y, √w, √h: the same slip then counts more in a small box. Of a negative size the sign stays.

    Args:
        xywh: (..., 4).
        tiny: added under the root, whose gradient at 0 would be infinite.
    """
    centre, size = xywh[..., :2], xywh[..., 2:]
    return torch.cat([centre, size.sign() * (size.abs() + tiny).sqrt()], dim=-1)
