"""ONNX: the detector for any runtime."""

import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from yolo3.checkpoint import ModelCard
from yolo3.choices import ExportKind, listed
from yolo3.export.graph import Decoded, Logits, facts, first_line, portable, trace
from yolo3.export.sealing import write_described
from yolo3.export.session import open_session
from yolo3.export.suppression import append_suppression, check_writable, suppression_facts, to_rows
from yolo3.export.verify import Answers, Receipt, trial_inputs, verify
from yolo3.models.fusing import fuse
from yolo3.protocols import Detector
from yolo3.structures import Candidates
from yolo3.suppression import Suppression
from yolo3.system.extras import not_installed
from yolo3.system.files import new_file

_NOISE = (
    "torchvision is not installed",  # its operators are not used here
    "The model version conversion is not supported by the onnxscript",  # it takes another way
    "Failed to convert the model",  # of which `_translate` complains
)
_TRIED = 100  # detections that a trial input should have, or suppression would be tried on nothing


def export_onnx(
    detector: Detector,
    path: str | os.PathLike[str],
    card: ModelCard | None = None,
    kind: ExportKind = "logits",
    *,
    opset: int = 18,
    dynamic_size: bool = True,
    suppression: Suppression = Suppression(),
    images: Sequence[str | os.PathLike[str]] = (),
) -> Receipt:
    """Write an ONNX file, which takes batches of any size.

    Its input is ``images`` (B, C, H, W) float32 in [0, 1]. Its metadata tells names, image size, letterbox and anchors:
    strings as they are, all else as JSON.

    Args:
        detector: Detector to export. It is not changed; in the file BatchNorm is folded into the convolutions.
        path: File to write.
        card: Names, image size and letterbox; None is a blank card.
        kind: Outputs of the file. ``logits`` are ``logits_0``, ``logits_1``, … the predictions of every scale, coarse
            to fine; ``decoded`` are ``boxes`` (B, N, 4) xyxy in pixels of the input and ``scores`` (B, N, classes);
            ``detections`` are rows (M, 7) [image, left, top, right, bottom, score, label] of what `suppress` keeps,
            image by image, best first.
        opset: Version of ONNX's operators, 18 or above; onnxruntime must know it too.
        dynamic_size: Whether the file takes images of any height and width that are multiples of the detector's stride,
            or of the card's image size alone.
        suppression: Thresholds and limits of ``detections``.
        images: Image files to try the export on, besides noise and drawings; two are enough.

    Returns:
        Receipt of the comparison with the detector.

    Raises:
        ImportError: The extra ``export`` is not installed.
        ValueError: A network that cannot be traced, a card that does not fit it, an opset below 18 or too new, an image
            that cannot be read, a file that does not answer as the detector does. There is no file then.
        OSError: A file that cannot be written.
    """
    _require_extra()
    path = Path(path)
    card = card or ModelCard()
    if kind not in get_args(ExportKind):
        raise ValueError(f"unknown kind {kind!r}; choose {listed(ExportKind)}")
    _check_opset(opset)
    if kind == "detections":
        check_writable(suppression)
    detector = portable(detector)
    about = facts(detector, card, kind)
    form = Logits if kind == "logits" else Decoded
    original = form(detector)
    inputs = trial_inputs(detector, card, dynamic_size, images)
    with torch.no_grad():
        names = list(original(next(iter(inputs.values()))))
    with new_file(path) as partial:
        program = trace(fuse(original), detector, None if dynamic_size else card.image_size)
        model = _translate(program, names, opset)
        if kind == "detections":
            append_suppression(model, suppression)
            about |= suppression_facts(suppression)
        write_described(model, partial, {})
        if kind == "detections":
            receipt = verify(inputs, _compare_detections(partial, original, suppression))
        else:
            receipt = verify(inputs, _compare(partial, original))
        write_described(model, partial, about | {"verified": asdict(receipt)})
    return receipt


def _require_extra() -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise not_installed("ONNX files need", package, "export")


def _check_opset(opset: int) -> None:
    """Refuse an opset that onnx does not know: PyTorch would silently write another."""
    from onnx.defs import onnx_opset_version

    if not 18 <= opset <= onnx_opset_version():
        raise ValueError(f"opset is {opset}; it must lie in 18..{onnx_opset_version()}")


def _translate(program: ExportedProgram, outputs: Sequence[str], opset: int) -> Any:
    """A traced network -> an ``onnx.ModelProto``."""
    try:
        with _without_noise():
            translated = torch.onnx.export(
                program,
                input_names=["images"],
                output_names=outputs,
                opset_version=opset,
                dynamo=True,
                verbose=False,
            )
    except RuntimeError as error:
        raise ValueError(f"an operation of the network has no form in ONNX: {first_line(error)}") from error
    assert translated is not None
    model = translated.model_proto
    batch, _, height, width = model.graph.input[0].type.tensor_type.shape.dim
    for name, axis in (("batch", batch), ("rows", height), ("columns", width)):  # such as s34 and 32*s30
        translated.rename_axes({symbol: name for symbol in re.findall(r"[a-z]\d+", axis.dim_param)})
    model = translated.model_proto
    written = next(each.version for each in model.opset_import if not each.domain)
    if written != opset:
        raise ValueError(f"opset is {opset}, which PyTorch could not write this network in; {written} would do")
    for part in (model.graph, *model.graph.node):  # a diary with lines of source code and paths of this machine
        del part.metadata_props[:]
    del model.graph.value_info[:]
    return model


@contextmanager
def _without_noise() -> Iterator[None]:
    """Suppress messages of the exporter that no user can act on."""
    names = "torch.onnx._internal.exporter._registration", "onnxscript.version_converter"
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(_is_no_noise)
    try:
        with warnings.catch_warnings():
            # PyTorch's own pytrees use a name that PyTorch has deprecated
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(_is_no_noise)


def _is_no_noise(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_NOISE)


def _compare(path: Path, original: nn.Module) -> Callable[[Tensor], Answers]:
    """The outputs of a file and of the network, for images."""
    session = open_session(str(path))

    @torch.no_grad()
    def answers(images: Tensor) -> Answers:
        expected = original(images)
        return {name: (found, expected[name]) for name, found in _run(session, {"images": images}).items()}

    return answers


def _compare_detections(path: Path, original: nn.Module, suppression: Suppression) -> Callable[[Tensor], Answers]:
    """The candidates of a file and of the network, and its detections and those that `suppress` finds among the former.

    An untrained network finds nothing above the usual thresholds, so this opens the file up: it asks for the candidates
    besides, and sets ``min_score`` so that there are detections to compare.
    """
    import onnx

    model = onnx.load(path)
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in ("boxes", "scores"))
    model.graph.input.append(onnx.helper.make_tensor_value_info("suppress.min_score", onnx.TensorProto.FLOAT, [1]))
    session = open_session(model.SerializeToString())

    @torch.no_grad()
    def answers(images: Tensor) -> Answers:
        expected = original(images)
        scores = expected["scores"].flatten()
        min_score = scores.topk(min(_TRIED, len(scores))).values[-1:].clamp(0, 1)  # those of YOLOv1 may lie outside
        found = _run(session, {"images": images, "suppress.min_score": min_score})
        candidates = Candidates(found["boxes"], found["scores"])
        kept = suppression.at(min_score.item())(candidates)
        compared = {name: (found[name], expected[name]) for name in expected}
        return compared | {"detections": (found["detections"], to_rows(kept))}

    return answers


def _run(session: Any, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A session's outputs by name."""
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {name: tensor.numpy() for name, tensor in inputs.items()})
    return {name: torch.from_numpy(array) for name, array in zip(names, found, strict=True)}
