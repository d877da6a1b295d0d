"""What a measurement is told by: a table, charts, a sheet of the worst pictures, the speed."""

from yolo3.evaluation.charts import draw_confusion, draw_precision_recall, draw_scores
from yolo3.evaluation.overlap import shared_pictures
from yolo3.evaluation.report import Report, measure_all, write_report
from yolo3.evaluation.sheet import draw_sheet
from yolo3.evaluation.speed import Speed, measure_speed

__all__ = [
    "Report",
    "Speed",
    "draw_confusion",
    "draw_precision_recall",
    "draw_scores",
    "draw_sheet",
    "measure_all",
    "measure_speed",
    "shared_pictures",
    "write_report",
]
