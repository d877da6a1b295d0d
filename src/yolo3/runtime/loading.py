"""From a detector and a user's settings to something that runs: which backend, device and number format."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from yolo3.checkpoint import ModelCard
from yolo3.choices import Backend, InferencePrecision
from yolo3.export import export_onnx
from yolo3.export.quantising import quantise
from yolo3.models.test_time_augmentation import TestTimeAugmentation
from yolo3.protocols import Detector
from yolo3.runtime.detector_runtime import DetectorRuntime
from yolo3.runtime.engines import check_backend
from yolo3.runtime.exported_detector import ExportedDetector
from yolo3.system.devices import choose_device, choose_type


def load_runtime(
    detector: Detector,
    image_size: tuple[int, int],
    *,
    backend: Backend | None = None,
    device: str | torch.device = "auto",
    precision: InferencePrecision = "auto",
    batch_size: int = 1,
    compile: bool = False,
    calibration: Iterable[Tensor] | None = None,
) -> DetectorRuntime:
    """A detector ready to run.

    Args:
        detector: Detector to run. It is not changed.
        image_size: (height, width) of all images, pixels.
        backend: Backend that runs the network; None is torch, or that of an `ExportedDetector`.
        device: Device to run on. ``auto`` is CUDA where there is some, else the CPU.
        precision: Number format to compute in, see `choose_type`.
        batch_size: Usual number of images per batch.
        compile: Whether to run through `CompiledNetwork`.
        calibration: Network inputs, (C, H, W) each, that int8 is calibrated on where a network of torch is exported.

    Raises:
        ModuleNotFoundError: The backend is not installed.
        ValueError: A combination of settings that does not exist; a detector that cannot run on the backend, or whose
            weights are not finite.
    """
    if compile and (backend not in (None, "torch") or isinstance(detector, ExportedDetector)):
        raise ValueError("compile goes with backend torch; other runtimes compile in their own way")
    detector = on_backend(detector, backend, precision, image_size, calibration)
    if not isinstance(detector, ExportedDetector):
        chosen = choose_device(device)
        return DetectorRuntime(detector, chosen, choose_type(precision, chosen), batch_size, compile)
    if str(device) not in ("auto", "cpu"):
        raise ValueError(f"device {str(device)!r} is for backend torch; onnxruntime and openvino use the CPU here")
    # it computes in a precision of its own, and takes and gives float32
    return DetectorRuntime(detector, torch.device("cpu"), torch.float32, batch_size)


def on_backend(
    detector: Detector,
    backend: str | None,
    precision: InferencePrecision,
    image_size: tuple[int, int],
    calibration: Iterable[Tensor] | None = None,
) -> Detector:
    """A detector as a backend runs it.

    A network of torch is exported to a temporary file for another backend. A large one takes a minute or so: export it
    once if it is used often.

    Args:
        detector: A network of torch, or an `ExportedDetector`.
        backend: ``torch``, ``onnxruntime`` or ``openvino``; None keeps the detector's own.
        precision: Number format of an exported detector.
        image_size: (height, width) of all images, pixels.
        calibration: Network inputs that int8 is calibrated on; see `load_runtime`.

    Returns:
        An `ExportedDetector`, loaded; or the detector itself for torch.

    Raises:
        ModuleNotFoundError: The backend is not installed.
        ValueError: An unknown backend, a precision that it does not have, a network that cannot be exported, an
            exported one that is to run on torch or takes no such images; int8 without images to calibrate on, or these
            without int8.
    """
    if calibration is not None and precision != "int8":
        raise ValueError(f"images to calibrate on are for precision int8, not {precision!r}")
    if calibration is not None and isinstance(detector, ExportedDetector):
        raise ValueError(f"{detector.file.path} is exported already; int8 is calibrated when a network is exported")
    if isinstance(detector, ExportedDetector):
        if backend == "torch":
            raise ValueError(f"{detector.file.path} is for other runtimes than torch; choose onnxruntime or openvino")
        exported = detector
        wanted = backend or detector.backend
        if (wanted, precision) != (detector.backend, detector.precision):
            exported = ExportedDetector(detector.file.path, wanted, precision)  # type: ignore[arg-type]  # it checks
        exported.check_size(image_size)
        exported.load()
        return exported
    if isinstance(detector, TestTimeAugmentation) and isinstance(detector.detector, ExportedDetector):
        inner = on_backend(detector.detector, backend, precision, image_size, calibration)
        return TestTimeAugmentation(inner, detector.flip, detector.scales)
    if backend in (None, "torch"):
        return detector
    check_backend(backend, precision)
    if precision == "int8" and calibration is None:
        raise ValueError(
            "precision int8 needs images to calibrate on: Predictor(..., calibrate=IMAGES), or once and for all "
            "yolo3 export MODEL --precision int8 --calibrate DATA"
        )
    with tempfile.TemporaryDirectory(prefix="yolo3-") as folder:
        path = Path(folder) / "model.onnx"
        # of one size: quicker to trace, and some networks take no other
        export_onnx(detector, path, ModelCard(image_size=image_size), "decoded", dynamic_size=False)
        if calibration is not None:
            quantise(path, path, calibration, backend)  # type: ignore[arg-type]  # checked above
        exported = ExportedDetector(path, backend, precision)  # type: ignore[arg-type]  # checked above
        exported.load()  # while the file is there
        return exported
