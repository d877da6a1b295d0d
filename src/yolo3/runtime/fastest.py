"""``backend="auto"``: torch, or OpenVINO where it is installed and a trial on this machine finds it faster."""

import sys
from importlib.util import find_spec

import torch
from torch import Tensor

from yolo3.checkpoint import ModelCard
from yolo3.export import export_onnx
from yolo3.export.graph import first_line
from yolo3.export.verify import Answers, trial_inputs, verify
from yolo3.protocols import Detector, as_module, in_channels_of
from yolo3.runtime.detector_runtime import DetectorRuntime
from yolo3.runtime.engines import Engine
from yolo3.runtime.exported_detector import ExportedDetector
from yolo3.runtime.trials import Trial, TrialPlace, compare
from yolo3.structures import Candidates

_NEEDED = ("openvino", "onnx", "onnxscript", "onnxruntime")


def fastest(
    on_torch: DetectorRuntime, detector: Detector, image_size: tuple[int, int], batch_size: int
) -> DetectorRuntime:
    """The faster one of a detector on torch and on OpenVINO; which one and why is said on standard error.

    OpenVINO takes part on a CPU, in float32, and with outputs within the tolerance of an export: bfloat16 rounds
    differently there. The first time, the network is exported, compared and timed, which takes a minute or two for a
    large one. The result is remembered for the network and machine, and so is the exported file where OpenVINO won;
    it is compared again each time.

    Args:
        on_torch: Detector on torch.
        detector: The detector itself.
        image_size: (height, width) of all images, pixels.
        batch_size: Usual number of images per batch.
    """
    if reason := _why_torch(on_torch):
        _say(f"torch; {reason}")
        return on_torch
    place = TrialPlace.of(as_module(detector), image_size, batch_size)
    try:
        with place.kept():
            return _faster(place, on_torch, detector, image_size, batch_size)
    except OSError as error:
        _say(
            f"torch; {place.folder} cannot be used to remember a trial ({error.strerror or error}): set TORCH_HOME to "
            "a folder that can"
        )
        return on_torch


def _why_torch(runtime: DetectorRuntime) -> str:
    """The reason that OpenVINO takes no part; empty where it does."""
    if runtime.device.type != "cpu":
        return f"openvino runs on the CPU here, not on {runtime.device}"
    if runtime.dtype != torch.float32:
        return "openvino takes part in float32 only: precision fp32"
    missing = [package for package in _NEEDED if find_spec(package) is None]
    return f"{missing[0]} is not installed" if missing else ""


def _faster(
    place: TrialPlace, on_torch: DetectorRuntime, detector: Detector, image_size: tuple[int, int], batch_size: int
) -> DetectorRuntime:
    known = place.read()
    if known is not None and known.winner == "torch":
        _say(f"{known} (remembered)")
        return on_torch
    if known is None:
        _say("trying torch and openvino, once for this network and machine; a large network takes a minute or two")
    on_openvino: DetectorRuntime | None = None
    try:
        on_openvino = _on_openvino(place, on_torch, detector, image_size, batch_size)
    except (ValueError, RuntimeError) as error:  # of the export, of the comparison, of OpenVINO
        trial = Trial(None, None, first_line(error))
    else:
        trial = known or _timed(on_torch, on_openvino, (batch_size, in_channels_of(detector), *image_size))
    if trial == known:
        _say(f"{trial} (remembered)")
    else:
        place.write(trial)
        _say(f"{trial} (remembered in {place.folder})")
    return on_openvino if on_openvino is not None and trial.winner == "openvino" else on_torch


def _timed(on_torch: DetectorRuntime, on_openvino: DetectorRuntime, shape: tuple[int, ...]) -> Trial:
    """A trial on noise of a shape (B, C, H, W)."""
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    return compare(lambda: _candidates(on_torch, images), lambda: _candidates(on_openvino, images), len(images))


def _on_openvino(
    place: TrialPlace, on_torch: DetectorRuntime, detector: Detector, image_size: tuple[int, int], batch_size: int
) -> DetectorRuntime:
    """The detector on OpenVINO, from the file that is there if that one still answers as the detector does.

    Raises:
        ValueError: A network that cannot be exported or loaded, or that gives other numbers.
    """
    inputs = trial_inputs(detector, ModelCard(image_size=image_size), dynamic_size=False)
    if place.exported.is_file():
        try:
            return _verified(place, on_torch, inputs, batch_size)
        except ValueError:  # damaged, or of a class that has changed since
            pass
    export_onnx(detector, place.exported, ModelCard(image_size=image_size), "decoded", dynamic_size=False)
    return _verified(place, on_torch, inputs, batch_size)


def _verified(
    place: TrialPlace, on_torch: DetectorRuntime, inputs: dict[str, Tensor], batch_size: int
) -> DetectorRuntime:
    """The exported file on OpenVINO, compared with the detector on torch."""
    exported = ExportedDetector(place.exported, Engine("openvino", "fp32"))
    exported.load()
    on_openvino = DetectorRuntime(exported, torch.device("cpu"), torch.float32, batch_size)

    def answers(images: Tensor) -> Answers:
        found = _candidates(on_openvino, images)
        expected = _candidates(on_torch, images)
        return {"boxes": (found.boxes, expected.boxes), "scores": (found.scores, expected.scores)}

    verify(inputs, answers)
    return on_openvino


def _candidates(runtime: DetectorRuntime, images: Tensor) -> Candidates:
    return runtime.decode(runtime(images), len(images))


def _say(what: str) -> None:
    print(f"backend auto: {what}", file=sys.stderr, flush=True)
