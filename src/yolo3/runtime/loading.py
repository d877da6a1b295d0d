"""From a detector and a user's settings to something that runs: which backend, device and number format."""

import tempfile
from pathlib import Path

import torch

from yolo3.checkpoint import ModelCard
from yolo3.choices import Backend, Precision
from yolo3.export import export_onnx
from yolo3.models.test_time_augmentation import TestTimeAugmentation
from yolo3.protocols import Detector
from yolo3.runtime.engines import check_backend
from yolo3.runtime.exported_detector import ExportedDetector
from yolo3.runtime.running import DetectorRuntime
from yolo3.system.devices import choose_device, choose_type


def load_runtime(
    detector: Detector,
    image_size: tuple[int, int],
    *,
    backend: Backend | None = None,
    device: str | torch.device = "auto",
    precision: Precision = "auto",
    batch_size: int = 1,
    compile: bool = False,
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

    Raises:
        ModuleNotFoundError: The backend is not installed.
        ValueError: A combination of settings that does not exist; a detector that cannot run on the backend, or whose
            weights are not finite.
    """
    if compile and (backend not in (None, "torch") or isinstance(detector, ExportedDetector)):
        raise ValueError("compile goes with backend torch; other runtimes compile in their own way")
    detector = on_backend(detector, backend, precision, image_size)
    if not isinstance(detector, ExportedDetector):
        chosen = choose_device(device)
        return DetectorRuntime(detector, chosen, choose_type(precision, chosen), batch_size, compile)
    if str(device) not in ("auto", "cpu"):
        raise ValueError(f"device {str(device)!r} is for backend torch; onnxruntime and openvino use the CPU here")
    # it computes in a precision of its own, and takes and gives float32
    return DetectorRuntime(detector, torch.device("cpu"), torch.float32, batch_size)


def on_backend(detector: Detector, backend: str | None, precision: Precision, image_size: tuple[int, int]) -> Detector:
    """A detector as a backend runs it.

    A network of torch is exported to a temporary file for another backend. A large one takes a minute or so: export it
    once if it is used often.

    Args:
        detector: A network of torch, or an `ExportedDetector`.
        backend: ``torch``, ``onnxruntime`` or ``openvino``; None keeps the detector's own.
        precision: Number format of an exported detector.
        image_size: (height, width) of all images, pixels.

    Returns:
        An `ExportedDetector`, loaded; or the detector itself for torch.

    Raises:
        ModuleNotFoundError: The backend is not installed.
        ValueError: An unknown backend, a precision that it does not have, a network that cannot be exported, an
            exported one that is to run on torch or takes no such images.
    """
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
        inner = on_backend(detector.detector, backend, precision, image_size)
        return TestTimeAugmentation(inner, detector.flip, detector.scales)
    if backend in (None, "torch"):
        return detector
    check_backend(backend, precision)
    with tempfile.TemporaryDirectory(prefix="yolo3-") as folder:
        path = Path(folder) / "model.onnx"
        # of one size: quicker to trace, and some networks take no other
        export_onnx(detector, path, ModelCard(image_size=image_size), "decoded", dynamic_size=False)
        exported = ExportedDetector(path, backend, precision)  # type: ignore[arg-type]  # checked above
        exported.load()  # while the file is there
        return exported
