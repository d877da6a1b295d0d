"""Explanations of a detector's predictions in one image: the numbers, their text, and a page that shows them.

values.py       what an explanation consists of
slots.py        what the network predicts at a slot
suppressing.py  which box was dropped for which
verdicts.py     why an object was found or missed
layercam.py     which parts of the image speak for a class
explaining.py   all of it for one image
text.py         the same as text
drawing.py      images and maps as SVG
page.py         the same as one HTML page
pieces.py       figures, tables and numbers of the page
style.py        how the page looks
"""

from yolo3.explain.explaining import check_explainable, explain_prediction
from yolo3.explain.layercam import layer_cam
from yolo3.explain.page import explanation_page
from yolo3.explain.values import (
    ClassScore,
    Dropped,
    ExplainedClass,
    ExplainedDetection,
    ExplainedObject,
    Outcome,
    PredictionExplanation,
    ResponsibleSlot,
    ScaleMaps,
    Slot,
    SlotPrediction,
    Verdict,
)

__all__ = [
    "ClassScore",
    "Dropped",
    "ExplainedClass",
    "ExplainedDetection",
    "ExplainedObject",
    "Outcome",
    "PredictionExplanation",
    "ResponsibleSlot",
    "ScaleMaps",
    "Slot",
    "SlotPrediction",
    "Verdict",
    "check_explainable",
    "explain_prediction",
    "explanation_page",
    "layer_cam",
]
