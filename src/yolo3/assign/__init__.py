"""Assignment policies: the slots responsible for each object. One policy per file; any other `Assigner` works too."""

from yolo3.assign.atss import ATSS
from yolo3.assign.dense import TargetEncoder
from yolo3.assign.explain import Assignment, Explanation, explain
from yolo3.assign.grid import centre_cells
from yolo3.assign.in_cell import BestAnchorInCell
from yolo3.assign.neighbours import NeighbourCells
from yolo3.assign.overall import BestAnchorOverall
from yolo3.assign.per_scale import BestAnchorPerScale
from yolo3.assign.simota import SimOTA
from yolo3.assign.task_aligned import TaskAligned
from yolo3.assign.threshold import AnchorsAboveIoU
from yolo3.assign.truth import check_targets, check_truth

__all__ = [
    "ATSS",
    "AnchorsAboveIoU",
    "Assignment",
    "BestAnchorInCell",
    "BestAnchorOverall",
    "BestAnchorPerScale",
    "Explanation",
    "NeighbourCells",
    "SimOTA",
    "TargetEncoder",
    "TaskAligned",
    "centre_cells",
    "check_targets",
    "check_truth",
    "explain",
]
