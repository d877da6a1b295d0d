"""Policies: which slots answer for which object. One policy a file; any `Assigner` of your own fits as well."""

from yolo3.assign.dense import TargetEncoder
from yolo3.assign.explain import Answer, Explanation, explain
from yolo3.assign.grid import centre_cells
from yolo3.assign.overall import BestAnchorOverall
from yolo3.assign.per_scale import BestAnchorPerScale
from yolo3.assign.threshold import AnchorsAboveIoU
from yolo3.assign.truth import check_targets, check_truth

__all__ = [
    "AnchorsAboveIoU",
    "Answer",
    "BestAnchorOverall",
    "BestAnchorPerScale",
    "Explanation",
    "TargetEncoder",
    "centre_cells",
    "check_targets",
    "check_truth",
    "explain",
]
