"""Policies: which slots answer for which object. One policy a file; any `Assigner` of your own fits as well."""

from yolo3.assign.dense import TargetEncoder
from yolo3.assign.grid import centre_cells, check_truth
from yolo3.assign.per_scale import BestAnchorPerScale

__all__ = ["BestAnchorPerScale", "TargetEncoder", "centre_cells", "check_truth"]
