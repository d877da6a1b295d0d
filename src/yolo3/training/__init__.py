"""Training, on Lightning: the only package that imports it."""

from yolo3.training.average import WeightAverage
from yolo3.training.callbacks import Checkpoints, Journal, StopAtCtrlC
from yolo3.training.data import DetectionData, EvaluationBatch, FittedPictures
from yolo3.training.precision import training_precision
from yolo3.training.recipe import Recipe, modern, parameter_groups, published
from yolo3.training.run import fit
from yolo3.training.schedule import BurnInSteps, Schedule, WarmupCosine
from yolo3.training.task import DetectionTask

__all__ = [
    "BurnInSteps",
    "Checkpoints",
    "DetectionData",
    "DetectionTask",
    "EvaluationBatch",
    "FittedPictures",
    "Journal",
    "Recipe",
    "Schedule",
    "StopAtCtrlC",
    "WarmupCosine",
    "WeightAverage",
    "fit",
    "modern",
    "parameter_groups",
    "published",
    "training_precision",
]
