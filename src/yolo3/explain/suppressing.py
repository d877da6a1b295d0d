"""What suppression did with the candidates: which are kept, and which box was dropped for which."""

from dataclasses import dataclass

import torch
from torch import Tensor

from yolo3.boxes import box_iou
from yolo3.data.fitting import have_area
from yolo3.explain.slots import Reader
from yolo3.explain.values import Dropped, ExplainedDetection
from yolo3.suppression import Choice, Suppression


@dataclass(frozen=True, eq=False)
class Trace:
    """The P pairs of a candidate and a class above the threshold, and what became of each."""

    choice: Choice
    """Pairs that pass, and those that are kept."""
    shown: Tensor
    """(K,) int64 index of the pairs that are detections: those that are kept and lie in the image."""
    dropped_for: Tensor
    """(P,) int64 index of the kept pair for which each was dropped; -1 for pairs that are kept or beyond the limit."""
    iou: Tensor
    """(P,) IoU with that pair; 0 where there is none."""


def trace(reader: Reader, suppression: Suppression) -> Trace:
    """Run suppression, and find for each dropped box the one that it was dropped for.

    NMS takes the boxes best first, so a box is dropped for the first kept one that overlaps it too much.
    """
    choice = suppression.choose(reader.boxes, reader.scores)
    boxes = reader.boxes[choice.candidates]
    dropped_for = torch.full((len(boxes),), -1)
    iou = torch.zeros(len(boxes))
    is_kept = torch.zeros(len(boxes), dtype=torch.bool)
    is_kept[choice.kept] = True
    for kept in choice.kept.tolist():
        overlap = box_iou(boxes[kept], boxes)
        loses = ~is_kept & (dropped_for < 0) & (overlap > suppression.iou_threshold)
        if not suppression.class_agnostic:
            loses &= choice.labels == choice.labels[kept]
        dropped_for[loses] = kept
        iou[loses] = overlap[loses]
    in_image = have_area(reader.letterbox.invert(boxes[choice.kept]))
    return Trace(choice, choice.kept[in_image], dropped_for, iou)


def explained_detections(reader: Reader, traced: Trace) -> list[ExplainedDetection]:
    """The detections, best first, each with the boxes that were dropped for it."""
    choice = traced.choice
    found = []
    for kept in traced.shown.tolist():
        losers = (traced.dropped_for == kept).nonzero()[:, 0]
        losers = losers[choice.scores[losers].argsort(descending=True, stable=True)]
        predictions = reader.predictions(choice.candidates[losers].tolist(), choice.labels[losers].tolist())
        dropped = tuple(map(Dropped, predictions, traced.iou[losers].tolist()))
        (own,) = reader.predictions([int(choice.candidates[kept])], [int(choice.labels[kept])])
        found.append(ExplainedDetection(own, dropped))
    return found
