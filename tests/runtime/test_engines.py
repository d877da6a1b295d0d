from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import onnxruntime
import pytest
from tests.runtime.conftest import SmallDetector

from yolo3.choices import ExportedBackend, InferencePrecision
from yolo3.export.sealing import write_sealed
from yolo3.predictor import Predictor
from yolo3.runtime import ExportedDetector
from yolo3.runtime.engines import _KINDS, Engine, tensorrt_providers

_TENSORRT = "TensorrtExecutionProvider"
_CPU = "CPUExecutionProvider"


def test_every_backend_of_the_command_line_has_an_engine() -> None:
    assert tuple(_KINDS) == get_args(ExportedBackend)
    for engine in _KINDS.values():
        assert {"auto", "fp32"} <= set(engine.precisions) <= set(get_args(InferencePrecision))


@pytest.mark.parametrize(("precision", "options"), [("auto", {}), ("fp32", {}), ("fp16", {"trt_fp16_enable": "True"})])
def test_tensorrt_comes_before_cuda_and_the_cpu(precision: InferencePrecision, options: dict[str, str]) -> None:
    assert tensorrt_providers(Engine("tensorrt", precision)) == [
        (_TENSORRT, options),
        ("CUDAExecutionProvider", {}),
        (_CPU, {}),
    ]


class _WithTensorRT:
    """A stand-in for onnxruntime with TensorRT, that computes on the CPU."""

    def __init__(self, patch: pytest.MonkeyPatch, starts: bool = True) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        session = onnxruntime.InferenceSession

        def opened(model: Any, options: Any, providers: list[tuple[str, dict[str, str]]]) -> Any:
            self.asked = providers
            found = session(model, options, providers=[_CPU])
            if starts:
                found.get_providers = lambda: [name for name, _ in providers]
            return found

        patch.setattr(onnxruntime, "get_available_providers", lambda: [_TENSORRT, _CPU])
        patch.setattr(onnxruntime, "InferenceSession", opened)


def test_tensorrt_is_a_provider_of_onnxruntime(
    small: SmallDetector, exported: Path, images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Predictor.from_exported(exported / "decoded.onnx", backend="onnxruntime")(images)
    with_tensorrt = _WithTensorRT(monkeypatch)
    found = Predictor.from_exported(exported / "decoded.onnx", backend="tensorrt", precision="fp16")(images)
    assert with_tensorrt.asked == [(_TENSORRT, {"trt_fp16_enable": "True"}), (_CPU, {})]  # there is no CUDA alone
    for one, other in zip(found, expected, strict=True):
        assert one.boxes.tolist() == other.boxes.tolist()


def test_tensorrt_runs_no_int8_file(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported / "decoded.onnx")
    about = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, about | {"precision": "int8"})
    write_sealed(model, tmp_path / "model.onnx")
    assert ExportedDetector(tmp_path / "model.onnx").file.precision == "int8"
    with pytest.raises(ValueError, match="tensorrt does not compute in precision 'int8' here; choose auto, fp32, fp16"):
        ExportedDetector(tmp_path / "model.onnx", Engine("tensorrt"))


def test_without_tensorrt(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if _TENSORRT not in onnxruntime.get_available_providers():
        with pytest.raises(ValueError, match=rf"has no {_TENSORRT}, only .*{_CPU}; install onnxruntime-gpu"):
            Predictor.from_exported(exported / "decoded.onnx", backend="tensorrt")
    _WithTensorRT(monkeypatch, starts=False)
    with pytest.raises(ValueError, match=f"{_TENSORRT} does not start"):
        Predictor.from_exported(exported / "decoded.onnx", backend="tensorrt")
