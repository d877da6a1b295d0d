"""Detections against ground truth: average precision, curves against the confidence threshold, confusion matrix."""

from yolo3.metrics.coco import ClassAP, CocoMetrics, coco_metrics, measure_coco
from yolo3.metrics.coco_files import Annotated, read_annotations
from yolo3.metrics.comparison import Comparison, DetectionSet, Truth
from yolo3.metrics.curves import OperatingPoint, ScoreCurve, class_curves, pooled_curve
from yolo3.metrics.errors import ImageErrors, confusion_matrix, image_errors, worst_images
from yolo3.metrics.matching import Matches, match_coco, match_voc
from yolo3.metrics.result_files import read_results, write_results
from yolo3.metrics.voc import Interpolation, average_precision, measure_voc, voc_average_precision

__all__ = [
    "Annotated",
    "ClassAP",
    "CocoMetrics",
    "Comparison",
    "DetectionSet",
    "ImageErrors",
    "Interpolation",
    "Matches",
    "OperatingPoint",
    "ScoreCurve",
    "Truth",
    "average_precision",
    "class_curves",
    "coco_metrics",
    "confusion_matrix",
    "image_errors",
    "match_coco",
    "match_voc",
    "measure_coco",
    "measure_voc",
    "pooled_curve",
    "read_annotations",
    "read_results",
    "voc_average_precision",
    "worst_images",
    "write_results",
]
