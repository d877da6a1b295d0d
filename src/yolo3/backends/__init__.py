"""Exported detectors, run by other runtimes, behind the face of any detector: `Predictor` takes them like the others.

file.py      an ONNX file of `export_onnx`: what it says of itself, and the network in it
runtimes.py  onnxruntime and OpenVINO: a network as a function of arrays
detector.py  the two together: a `Detector`
"""

from yolo3.backends.detector import ExportedDetector, on_backend
from yolo3.backends.file import ExportedFile, read_exported
from yolo3.choices import Backend, Runtime

__all__ = ["Backend", "ExportedDetector", "ExportedFile", "Runtime", "on_backend", "read_exported"]
