"""Running a detector: the one place that decides what runs it, where, and in which number format.

loading.py            `load_runtime`: from a detector and a user's settings to something that runs
fastest.py            `fastest`: torch or OpenVINO, whichever a trial finds faster
trials.py             trials, and where they are remembered
detector_runtime.py   `DetectorRuntime`: a detector on one device, in one number format
packing.py            convolutions packed for oneDNN on a CPU
compiling.py          a network compiled by torch
recording.py          a network's work on a GPU, recorded and replayed
uploading.py          images on their way to the device
exported_detector.py  `ExportedDetector`: an ONNX file as a detector
exported_file.py      what such a file says of itself, and the network in it
engines.py            onnxruntime, OpenVINO and TensorRT: a network as a function of arrays
"""

from yolo3.runtime.detector_runtime import DetectorRuntime
from yolo3.runtime.engines import Engine
from yolo3.runtime.exported_detector import ExportedDetector
from yolo3.runtime.exported_file import ExportedFile, read_exported
from yolo3.runtime.loading import load_runtime, on_backend

__all__ = [
    "DetectorRuntime",
    "Engine",
    "ExportedDetector",
    "ExportedFile",
    "load_runtime",
    "on_backend",
    "read_exported",
]
