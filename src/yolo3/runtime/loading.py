"""From a detector and a user's settings to something that runs: which backend, device and number format."""

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from yolo3.checkpoint import ModelCard
from yolo3.export import export_onnx
from yolo3.export.quantising import quantise
from yolo3.models.test_time_augmentation import TestTimeAugmentation
from yolo3.protocols import Detector
from yolo3.runtime.detector_runtime import DetectorRuntime
from yolo3.runtime.engines import Engine
from yolo3.runtime.exported_detector import ExportedDetector
from yolo3.runtime.fastest import fastest
from yolo3.system.devices import choose_device, choose_type
from yolo3.system.hardware import InferenceHardware


def load_runtime(
    detector: Detector,
    image_size: tuple[int, int],
    hardware: InferenceHardware,
    calibration: Iterable[Tensor] | None = None,
) -> DetectorRuntime:
    """A detector ready to run.

    Args:
        detector: Detector to run. It is not changed.
        image_size: (height, width) of all images, pixels.
        hardware: Device; number format, see `choose_type`; usual number of images per batch; backend; whether to run
            through `CompiledNetwork`. Backend None is torch, or that of an `ExportedDetector`; ``auto`` is the same,
            or OpenVINO in place of torch where that is faster, see `fastest`.
        calibration: Network inputs, (C, H, W) each, that int8 is calibrated on where a network of torch is exported.

    Raises:
        ModuleNotFoundError: The backend is not installed.
        ValueError: A combination of settings that does not exist; a detector that cannot run on the backend, or whose
            weights are not finite.
    """
    if hardware.compile and (hardware.backend not in (None, "torch") or isinstance(detector, ExportedDetector)):
        raise ValueError("compile goes with backend torch; other runtimes compile in their own way")
    is_auto = hardware.backend == "auto"
    detector = on_backend(detector, replace(hardware, backend=None) if is_auto else hardware, image_size, calibration)
    if not isinstance(detector, ExportedDetector):
        device = choose_device(hardware.device)
        dtype = choose_type(hardware.precision, device)
        runtime = DetectorRuntime(detector, device, dtype, hardware.batch_size, hardware.compile)
        return fastest(runtime, detector, image_size, hardware.batch_size) if is_auto else runtime
    if hardware.device not in ("auto", "cpu"):
        raise ValueError(
            f"device {hardware.device!r} is for backend torch; onnxruntime and openvino use the CPU here, tensorrt the "
            "first GPU"
        )
    # it computes in a precision of its own, and takes and gives float32
    return DetectorRuntime(detector, torch.device("cpu"), torch.float32, hardware.batch_size)


def on_backend(
    detector: Detector,
    hardware: InferenceHardware,
    image_size: tuple[int, int],
    calibration: Iterable[Tensor] | None = None,
) -> Detector:
    """A detector as a backend runs it.

    A network of torch is exported to a temporary file for another backend. A large one takes a minute or so: export it
    once if it is used often.

    Args:
        detector: A network of torch, or an `ExportedDetector`.
        hardware: Backend, of which None keeps the detector's own; number format of an exported detector.
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
    backend = hardware.backend
    precision = hardware.precision
    if calibration is not None and precision != "int8":
        raise ValueError(f"images to calibrate on are for precision int8, not {precision!r}")
    if calibration is not None and isinstance(detector, ExportedDetector):
        raise ValueError(f"{detector.file.path} is exported already; int8 is calibrated when a network is exported")
    if isinstance(detector, ExportedDetector):
        if backend == "torch":
            raise ValueError(f"{detector.file.path} is for other runtimes than torch; choose onnxruntime or openvino")
        engine = Engine(backend or detector.engine.backend, precision)  # type: ignore[arg-type]  # it checks
        exported = detector if engine == detector.engine else ExportedDetector(detector.file.path, engine)
        exported.check_size(image_size)
        exported.load()
        return exported
    if isinstance(detector, TestTimeAugmentation) and isinstance(detector.detector, ExportedDetector):
        inner = on_backend(detector.detector, hardware, image_size, calibration)
        return TestTimeAugmentation(inner, detector.flip, detector.scales)
    if backend in (None, "torch"):
        return detector
    engine = Engine(backend, precision)  # type: ignore[arg-type]  # it checks
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
            quantise(path, path, calibration, engine.backend)  # type: ignore[arg-type]  # an engine refuses others
        exported = ExportedDetector(path, engine)
        exported.load()  # while the file is there
        return exported
