"""onnxruntime, OpenVINO and TensorRT: an exported network as a function of arrays.

The first two run on the CPU, with as many threads as torch. TensorRT is a provider of onnxruntime, on the first GPU.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from yolo3.choices import Backend, ExportedBackend, InferencePrecision, listed
from yolo3.export.session import CPU, Provider, cannot_load, open_session
from yolo3.system.devices import choose_type
from yolo3.system.extras import not_installed

Float32Array = npt.NDArray[np.float32]
ExportedNetwork = Callable[[Float32Array], tuple[Float32Array, Float32Array]]
"""Images (B, C, H, W) -> boxes (B, N, 4) and scores (B, N, classes)."""

_SIZES = 4  # image sizes that OpenVINO keeps a compiled network for; each has its own copy of the weights


@dataclass(frozen=True)
class Engine:
    """A backend for exported networks, in a number format.

    Args:
        backend: Backend, whose package is installed.
        precision: Number format of what is not quantised. onnxruntime has float32 alone; OpenVINO has bfloat16 too,
            which ``auto`` is where the CPU multiplies it in hardware; TensorRT has float16 too, which must be asked
            for, since it rounds boxes as well.

    Raises:
        ModuleNotFoundError: The backend is not installed.
        ValueError: An unknown backend, or a precision that it does not have.
    """

    backend: ExportedBackend
    precision: InferencePrecision = "auto"

    def __post_init__(self) -> None:
        kind = _KINDS.get(self.backend)
        if kind is None:
            raise ValueError(f"unknown backend {self.backend!r}; choose {listed(Backend)}")
        if find_spec(kind.package) is None:
            raise not_installed(f"backend {self.backend} needs", kind.package, kind.extra)
        if self.precision not in kind.precisions:
            raise ValueError(
                f"{self.backend} does not compute in precision {self.precision!r} here; choose "
                f"{', '.join(kind.precisions)}"
            )

    def load(self, model: str | bytes) -> ExportedNetwork:
        """Load a network.

        Args:
            model: Path or content of an ONNX file with outputs ``boxes`` and ``scores``.

        Raises:
            ValueError: A network that the backend cannot load; a backend that does not start.
        """
        return _KINDS[self.backend].load(model, self)


def tensorrt_providers(engine: Engine) -> list[Provider]:
    """The execution providers of onnxruntime for TensorRT: what it cannot run, CUDA runs, and the CPU what that cannot.

    TensorRT keeps no engine on disk: onnxruntime would take one of the same layers for other weights.
    """
    options = {"trt_fp16_enable": "True"} if engine.precision == "fp16" else {}
    return [("TensorrtExecutionProvider", options), ("CUDAExecutionProvider", {}), CPU]


def _onnxruntime(model: str | bytes, engine: Engine) -> ExportedNetwork:
    """Computes in float32 alone, around what is quantised."""
    return _of_session(open_session(model))


def _tensorrt(model: str | bytes, engine: Engine) -> ExportedNetwork:
    return _of_session(open_session(model, tensorrt_providers(engine)))


def _of_session(session: Any) -> ExportedNetwork:
    def run(images: Float32Array) -> tuple[Float32Array, Float32Array]:
        boxes, scores = session.run(["boxes", "scores"], {"images": images})
        return boxes, scores

    return run


def _openvino(model: str | bytes, engine: Engine) -> ExportedNetwork:
    import openvino

    in_half = engine.precision != "int8" and choose_type(engine.precision, torch.device("cpu")) == torch.bfloat16
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if in_half else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    core = openvino.Core()
    try:
        network = core.read_model(model)
    except RuntimeError as error:
        raise cannot_load(f"openvino {openvino.__version__}", error) from error
    shape = network.inputs[0].partial_shape
    batch = shape[0]
    channels = shape[1]

    @lru_cache(maxsize=_SIZES)
    def compiled(height: int, width: int) -> Any:
        """The network for one size: it is faster at images whose size it knows beforehand."""
        sized = network.clone()
        sized.reshape(openvino.PartialShape([batch, channels, height, width]))
        return core.compile_model(sized, "CPU", settings)

    def run(images: Float32Array) -> tuple[Float32Array, Float32Array]:
        outputs = compiled(images.shape[2], images.shape[3])(images)
        return outputs["boxes"], outputs["scores"]

    return run


@dataclass(frozen=True)
class _Kind:
    """What a backend needs and can do."""

    package: str
    """Package that has it."""
    extra: str
    """Extra of the distribution that installs the package."""
    precisions: tuple[InferencePrecision, ...]
    """Precisions that it computes in."""
    load: Callable[[str | bytes, Engine], ExportedNetwork]
    """Function that loads the path or content of an ONNX file, to compute as the engine says."""


_KINDS: Mapping[str, _Kind] = {
    "onnxruntime": _Kind("onnxruntime", "export", ("auto", "fp32", "int8"), _onnxruntime),
    "openvino": _Kind("openvino", "openvino", ("auto", "fp32", "bf16", "int8"), _openvino),
    "tensorrt": _Kind("onnxruntime", "export", ("auto", "fp32", "fp16"), _tensorrt),
}
"""The backends by name."""
