"""Training, on Lightning: the only package that imports it."""

from yolo3.system.extras import not_installed
from yolo3.system.hardware import Hardware, TrainingHardware

try:
    from yolo3.training.accumulation import batches_per_step, num_steps
    from yolo3.training.batch_size import largest_batch_size
    from yolo3.training.batchnorm import AccurateBatchNorm
    from yolo3.training.checkpoints import Checkpoints
    from yolo3.training.datamodule import DetectionData
    from yolo3.training.early_stopping import ResumableEarlyStopping
    from yolo3.training.ema import EMA
    from yolo3.training.fitted_images import EvaluationBatch, FittedImages
    from yolo3.training.freezing import FreezeBackbone, backbone
    from yolo3.training.journal import Journal
    from yolo3.training.nonfinite import NotFiniteError
    from yolo3.training.overfit import OverfitReport, overfit_check
    from yolo3.training.precision import training_precision
    from yolo3.training.recipe import Recipe, modern, parameter_groups, published
    from yolo3.training.run import fit
    from yolo3.training.schedule import BurnInSteps, Schedule, WarmupCosine
    from yolo3.training.stopping import StopOnSignal
    from yolo3.training.task import DetectionTask
except ModuleNotFoundError as missing:
    raise not_installed("training needs", str(missing.name), "train") from missing

__all__ = [
    "EMA",
    "AccurateBatchNorm",
    "BurnInSteps",
    "Checkpoints",
    "DetectionData",
    "DetectionTask",
    "EvaluationBatch",
    "FittedImages",
    "FreezeBackbone",
    "Hardware",
    "Journal",
    "NotFiniteError",
    "OverfitReport",
    "Recipe",
    "ResumableEarlyStopping",
    "Schedule",
    "StopOnSignal",
    "TrainingHardware",
    "WarmupCosine",
    "backbone",
    "batches_per_step",
    "fit",
    "largest_batch_size",
    "modern",
    "num_steps",
    "overfit_check",
    "parameter_groups",
    "published",
    "training_precision",
]
