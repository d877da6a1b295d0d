"""The policy of YOLOv2: one anchor in the cell of a box's centre, chosen by anchors or by what they predict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from yolo3.assign.grid import centre_cells, last_in_slot
from yolo3.assign.overall import overlapping
from yolo3.boxes import wh_iou, xyxy_to_cxcywh
from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class BestAnchorInCell:
    """Of the anchors in the cell of a box's centre the one of highest wh-IoU is responsible for it.

    Of boxes that share a slot the last wins it, with its own label. Any other prediction whose decoded box overlaps an
    object of its image by IoU >= `ignore_iou` is ignored. With several scales, the anchors of all of them compete.

    Args:
        ignore_iou: IoU from which on a prediction that is not positive is ignored; Darknet calls it ``thresh``.
        match: Sizes that are compared with the size of a box: the ``anchors``, or the sizes in the ``predictions``.
            Darknet calls the first ``bias_match=1``.

    Raises:
        ValueError: An unknown `match`.

    Source:
        YOLO9000, arXiv 1612.08242 §2; Darknet's ``forward_region_layer``.
    """

    ignore_iou: float = 0.6
    match: Literal["anchors", "predictions"] = "anchors"

    def __post_init__(self) -> None:
        if self.match not in ("anchors", "predictions"):
            raise ValueError(f"match is {self.match!r}; choose anchors or predictions")

    def __call__(self, truth: GroundTruth, scales: Sequence[ScaleOutput]) -> list[Targets]:
        """The targets of every scale; the predictions decide what is ignored."""
        boxes = xyxy_to_cxcywh(truth.boxes)
        sizes = torch.cat([self._sizes(truth.image, boxes, scale) for scale in scales], dim=1)  # (N, all anchors, 2)
        best = wh_iou(boxes[:, None, 2:], sizes.to(boxes)).argmax(dim=1)
        targets = []
        first = 0
        for scale, ignore in zip(scales, overlapping(truth, scales, self.ignore_iou), strict=True):
            count = len(scale.anchors)
            here = ((best >= first) & (best < first + count)).nonzero().squeeze(1)
            row, column = centre_cells(boxes[here], scale)
            slots = torch.stack([truth.image[here], best[here] - first, row, column], dim=1)
            ignore[slots.unbind(1)] = False
            last = last_in_slot(slots, ignore.shape)
            wins = (last == torch.arange(len(last), device=last.device)).nonzero().squeeze(1)
            winners = here[wins]
            weights = truth.object_weights[winners]
            targets.append(Targets(slots[wins], boxes[winners], truth.labels[winners], weights, ignore))
            first += count
        return targets

    def _sizes(self, image: Tensor, boxes: Tensor, scale: ScaleOutput) -> Tensor:
        """(N, A, 2) width and height, pixels, that each anchor in the cell of a box stands for."""
        count = len(scale.anchors)
        if self.match == "anchors":
            return scale.anchors.expand(len(boxes), count, 2)
        row, column = centre_cells(boxes, scale)
        anchor = torch.arange(count, device=image.device)
        slots = torch.stack(torch.broadcast_tensors(image[:, None], anchor, row[:, None], column[:, None]), dim=-1)
        return scale.at(slots.flatten(0, 1)).cxcywh[:, 2:].detach().view(-1, count, 2)
