"""Reports of an evaluation: table, charts, contact sheet of the worst images, speed."""

from yolo3.evaluation.charts import draw_confusion, draw_precision_recall, draw_scores
from yolo3.evaluation.leakage import shared_images
from yolo3.evaluation.metrics_file import METRICS_FILE, Measured, read_best, write_metrics
from yolo3.evaluation.report import Report, measure_all, write_report
from yolo3.evaluation.speed import Speed, measure_speed
from yolo3.evaluation.worst_images import draw_worst_images

__all__ = [
    "METRICS_FILE",
    "Measured",
    "Report",
    "Speed",
    "draw_confusion",
    "draw_precision_recall",
    "draw_scores",
    "draw_worst_images",
    "measure_all",
    "measure_speed",
    "read_best",
    "shared_images",
    "write_metrics",
    "write_report",
]
