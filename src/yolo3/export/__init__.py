"""A detector as one file for other runtimes, with a receipt: a file gets its name once it gives the detector's outputs.

graph.py        the exported graph: the detector as a function of tensors
program.py      torch.export, ``.pt2``: for PyTorch, without this library
onnx.py         ONNX: for onnxruntime, OpenVINO, TensorRT, …
suppression.py  non-maximum suppression in ONNX
sealing.py      the digest in an ONNX file
session.py      onnxruntime, as verification and inference use it
verify.py       the comparison, and its receipt
"""

from yolo3.export.onnx import export_onnx
from yolo3.export.program import export_program
from yolo3.export.verify import Receipt

__all__ = ["Receipt", "export_onnx", "export_program"]
