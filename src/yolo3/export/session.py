"""onnxruntime on the CPU, with as many threads as torch."""

from typing import Any

import torch

from yolo3.export.graph import first_line


def open_session(model: str | bytes) -> Any:
    """An ``onnxruntime.InferenceSession``.

    Args:
        model: Path or content of an ONNX file.

    Raises:
        ValueError: A model that onnxruntime cannot load, such as one of too new an opset.
    """
    import onnxruntime  # of the extra `export`
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; it warns of thresholds that are inputs, which is how an export is verified
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except (errors.Fail, errors.InvalidGraph, errors.InvalidProtobuf, errors.NotImplemented) as error:
        raise cannot_load(f"onnxruntime {onnxruntime.__version__}", error) from error


def cannot_load(runtime: str, error: Exception) -> ValueError:
    """The error of a runtime that cannot load a network, for the caller to raise."""
    return ValueError(f"{runtime} cannot load the exported network ({first_line(error)}); try a lower --opset")
