"""Detection in many images: results in part files, resumed, shared among processes and machines.

The images of a source are divided in their order into parts of one size. A part is done or not: its files are whole or
absent. So whatever ends a run, another one goes on with the parts that are missing.
"""

from yolo3.bulk.digest import model_digest
from yolo3.bulk.divide import Share, part_numbers, wanted
from yolo3.bulk.folder import PartFolder, Tally
from yolo3.bulk.process import Job
from yolo3.bulk.record import RunRecord
from yolo3.bulk.rows import COLUMNS, Row
from yolo3.bulk.run import ImageDetector, run_parts
from yolo3.bulk.workers import LostParts, run_processes

__all__ = [
    "COLUMNS",
    "ImageDetector",
    "Job",
    "LostParts",
    "PartFolder",
    "Row",
    "RunRecord",
    "Share",
    "Tally",
    "model_digest",
    "part_numbers",
    "run_parts",
    "run_processes",
    "wanted",
]
