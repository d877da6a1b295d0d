"""Recipes, one a file, and the terms they are made of."""

from yolo3.losses.terms import (
    BinaryCrossEntropy,
    BoxTerm,
    ClassTerm,
    CrossEntropyClasses,
    IoUBox,
    LogitTerm,
    SquaredErrorBox,
)
from yolo3.losses.yolo import YoloLoss

__all__ = [
    "BinaryCrossEntropy",
    "BoxTerm",
    "ClassTerm",
    "CrossEntropyClasses",
    "IoUBox",
    "LogitTerm",
    "SquaredErrorBox",
    "YoloLoss",
]
