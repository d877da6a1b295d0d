"""Detections as files, one format per module.

A writer is a context manager that gives a function ``add(frame, found)``. It writes as it is called, keeps nothing in
memory, and finishes its file at the end of the ``with``, after an error too.
"""

from yolo3.results.exchange import coco_results, labelme_files, yolo_labels
from yolo3.results.images import crops, drawings
from yolo3.results.text import csv_file, json_file, json_lines, to_dict, write_csv, write_json, write_json_lines
from yolo3.results.threads import in_threads
from yolo3.results.video import drawn_videos
from yolo3.results.writer import Add, Writer

__all__ = [
    "Add",
    "Writer",
    "coco_results",
    "crops",
    "csv_file",
    "drawings",
    "drawn_videos",
    "in_threads",
    "json_file",
    "json_lines",
    "labelme_files",
    "to_dict",
    "write_csv",
    "write_json",
    "write_json_lines",
    "yolo_labels",
]
