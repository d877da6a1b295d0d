"""A detector as an int8 file, which gets its name once it is measured."""

import os
import tempfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import torch

from yolo3.checkpoint import ModelCard
from yolo3.choices import ExportKind, Int8Backend
from yolo3.data import SampleSet
from yolo3.export import export_onnx
from yolo3.export.quantising import check_quantiser, quantise
from yolo3.export.sealing import read_sealed, write_described
from yolo3.export.suppression import append_suppression, check_writable, suppression_facts
from yolo3.int8.receipt import Int8Receipt, Score, accuracy, latencies
from yolo3.predictor import Predictor
from yolo3.protocols import Detector, in_channels_of
from yolo3.runtime import Engine, ExportedDetector
from yolo3.sources import find_frames
from yolo3.suppression import EVALUATION_IOU, EVALUATION_SCORE, Suppression
from yolo3.system.files import new_file
from yolo3.system.hardware import cpu_name


def export_int8(
    detector: Detector,
    path: str | os.PathLike[str],
    card: ModelCard | None = None,
    kind: ExportKind = "detections",
    *,
    calibration: Iterable[str | os.PathLike[str]],
    samples: SampleSet,
    backend: Int8Backend = "onnxruntime",
    max_drop: float = 0.01,
    opset: int = 18,
    dynamic_size: bool = True,
    suppression: Suppression = Suppression(),
) -> Int8Receipt:
    """Write an ONNX file whose inner convolutions compute in int8, if it is accurate enough on the backend it is for.

    It is measured beside the same network in float32 on the same backend. The file runs wherever an exported file does;
    what the receipt says holds for the backend and the kind of CPU that it was measured on.

    Args:
        detector: Detector to export. It is not changed.
        path: File to write.
        card: Names, image size and letterbox; None is a blank card.
        kind: Outputs of the file, ``decoded`` or ``detections``; see `export_onnx`.
        calibration: Image files to calibrate on, a few hundred of the kind that the detector will see, such as those of
            its training. Their annotations are not needed.
        samples: Annotated images to measure on, with the detector's classes; not those of the calibration.
        backend: Backend that the file is for.
        max_drop: Largest drop of AP, and of AP50, both in [0, 1].
        opset: Version of ONNX's operators; see `export_onnx`.
        dynamic_size: Whether the file takes images of any size; see `export_onnx`.
        suppression: Thresholds and limits of ``detections``.

    Returns:
        Receipt of the measurement, which the metadata of the file holds too, under ``int8``.

    Raises:
        ImportError: A package of the extra ``int8`` is not installed.
        ValueError: A drop above ``max_drop``; images that cannot be read, none at all, none with an object; anything
            that `export_onnx` refuses. There is no file then.
        OSError: A file that cannot be written.
    """
    check_quantiser()
    Engine(backend, "int8")  # it complains where that cannot be
    if kind == "logits":
        raise ValueError("an int8 file is measured by what it finds; its kind is decoded or detections, not logits")
    if kind == "detections":
        check_writable(suppression)
    if not 0 <= max_drop <= 1:
        raise ValueError(f"max_drop is {max_drop:g}; it must lie in [0, 1]")
    if not len(samples):
        raise ValueError(f"{samples.origin}: no image to measure on")
    if not len(samples.boxes):
        raise ValueError(f"{samples.origin}: no object in {len(samples)} images to measure on; name another data set")
    frames = find_frames(calibration, channels=in_channels_of(detector))
    first = next(frames)  # complains of none before anything is done
    card = card or ModelCard()
    some = [samples.path(index) for index in range(min(2, len(samples)))]
    with new_file(path) as partial, tempfile.TemporaryDirectory(prefix="yolo3-") as folder:
        plain = Path(folder) / "fp32.onnx"
        quantised = Path(folder) / "int8.onnx"
        verified = export_onnx(detector, plain, card, "decoded", opset=opset, dynamic_size=dynamic_size, images=some)
        before = _measuring(ExportedDetector(plain, Engine(backend, "fp32")), card)
        inputs = (before.prepare(frame).image for frame in chain([first], frames))
        count = quantise(plain, quantised, inputs, backend)
        after = _measuring(ExportedDetector(quantised, Engine(backend)), card)
        times = latencies((before, after), str(some[0]))
        scores = [
            Score(*accuracy(each, samples), milliseconds)
            for each, milliseconds in zip((before, after), times, strict=True)
        ]
        receipt = Int8Receipt(
            backend=backend,
            num_calibrated=count,
            measured_on=samples.origin,
            num_measured=len(samples),
            cpu=f"{cpu_name()}, threads: {torch.get_num_threads()}",
            before=scores[0],
            after=scores[1],
            verified=verified,
        )
        _check_drop(receipt, max_drop)
        _write(quantised, partial, kind, suppression, receipt)
    return receipt


def _measuring(detector: ExportedDetector, card: ModelCard) -> Predictor:
    """The predictor that measures a file."""
    return Predictor.from_card(
        detector,
        card,
        precision=detector.engine.precision,
        min_score=EVALUATION_SCORE,
        iou_threshold=EVALUATION_IOU,
    )


def _check_drop(receipt: Int8Receipt, max_drop: float) -> None:
    """Refuse a file that lost too much."""
    before = receipt.before
    after = receipt.after
    if receipt.largest_drop > max_drop:
        raise ValueError(
            f"int8 loses too much on {receipt.backend} and was not kept: AP {before.AP:.4f} -> {after.AP:.4f}, AP50 "
            f"{before.AP50:.4f} -> {after.AP50:.4f}, and max_drop is {max_drop:g}; calibrate on more images "
            f"({receipt.num_calibrated} here) or on such as the detector will see, or try the other backend"
        )


def _write(quantised: Path, path: Path, kind: ExportKind, suppression: Suppression, receipt: Int8Receipt) -> None:
    """Write the measured file as the kind that was asked for, with the receipt."""
    model = read_sealed(quantised)
    about: dict[str, object] = {entry.key: entry.value for entry in model.metadata_props}
    if kind == "detections":
        append_suppression(model, suppression)
        about |= {"kind": kind} | suppression_facts(suppression)
    write_described(model, path, about | {"int8": receipt.to_dict()})
