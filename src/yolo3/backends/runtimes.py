"""Other runtimes: an exported network as a function of arrays. They run on the CPU, with as many threads as torch."""

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from yolo3.export.graph import first_line
from yolo3.system.devices import Precision, choose_type
from yolo3.system.extras import not_installed

Runtime = Literal["onnxruntime", "openvino"]
"""What can run an exported network."""

FloatArray = npt.NDArray[np.float32]
Network = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Images (B, C, H, W) -> boxes (B, N, 4) and scores (B, N, classes)."""

_EXTRAS = {"onnxruntime": "export", "openvino": "openvino"}
_SIZES = 4  # image sizes that OpenVINO keeps a compiled network for; each has its own copy of the weights


def check_runtime(runtime: str, precision: Precision) -> None:
    """Complain of a runtime that is not there, or that does not compute in a precision.

    Raises:
        ModuleNotFoundError: without the extra that brings it.
        ValueError: an unknown runtime, or a precision that it does not have.
    """
    if runtime not in _EXTRAS:
        raise ValueError(f"unknown backend {runtime!r}; choose torch, {' or '.join(_EXTRAS)}")
    if find_spec(runtime) is None:
        raise not_installed(f"backend {runtime} needs", runtime, _EXTRAS[runtime])
    has: tuple[Precision, ...] = ("auto", "fp32") if runtime == "onnxruntime" else ("auto", "fp32", "bf16")
    if precision not in has:
        raise ValueError(f"{runtime} does not compute in precision {precision!r} here; choose {', '.join(has)}")


def load_network(model: str | bytes, runtime: Runtime, precision: Precision = "auto") -> Network:
    """Load a network.

    Args:
        model: path or content of an ONNX file with outputs ``boxes`` and ``scores``.
        runtime: that runs it.
        precision: onnxruntime computes in float32; OpenVINO in bfloat16 too, which ``auto`` is where the CPU
            multiplies it in hardware.

    Raises:
        ModuleNotFoundError: without the extra that brings the runtime.
        ValueError: See `check_runtime`; a network that the runtime cannot load.
    """
    check_runtime(runtime, precision)
    return _onnxruntime(model) if runtime == "onnxruntime" else _openvino(model, precision)


def _cannot_load(runtime: str, error: Exception) -> ValueError:
    return ValueError(f"{runtime} cannot load the exported network ({first_line(error)}); try a lower --opset")


def _onnxruntime(model: str | bytes) -> Network:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except (errors.Fail, errors.InvalidGraph, errors.InvalidProtobuf, errors.NotImplemented) as error:
        raise _cannot_load(f"onnxruntime {onnxruntime.__version__}", error) from error

    def run(images: FloatArray) -> tuple[FloatArray, FloatArray]:
        boxes, scores = session.run(["boxes", "scores"], {"images": images})
        return boxes, scores

    return run


def _openvino(model: str | bytes, precision: Precision) -> Network:
    import openvino

    half = choose_type(precision, torch.device("cpu")) == torch.bfloat16
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    core = openvino.Core()
    try:
        network = core.read_model(model)
    except RuntimeError as error:
        raise _cannot_load(f"openvino {openvino.__version__}", error) from error
    batch, channels = network.inputs[0].partial_shape[0], network.inputs[0].partial_shape[1]

    @lru_cache(maxsize=_SIZES)
    def compiled(height: int, width: int) -> Any:
        """For one size: it is faster at images whose size it knows beforehand."""
        sized = network.clone()
        sized.reshape(openvino.PartialShape([batch, channels, height, width]))
        return core.compile_model(sized, "CPU", settings)

    def run(images: FloatArray) -> tuple[FloatArray, FloatArray]:
        outputs = compiled(images.shape[2], images.shape[3])(images)
        return outputs["boxes"], outputs["scores"]

    return run
