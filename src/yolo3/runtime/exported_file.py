"""An ONNX file that `export_onnx` wrote: the facts it states, and the network in it."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from yolo3.checkpoint import ModelCard
from yolo3.checks.finite import unusable_numbers
from yolo3.checks.names import printable
from yolo3.choices import ExportPrecision, Int8Backend, listed
from yolo3.export.sealing import read_sealed
from yolo3.export.suppression import remove_suppression
from yolo3.structures import check_image_size
from yolo3.system.extras import not_installed


@dataclass(frozen=True)
class ExportedFile:
    """An exported detector: the facts that its file states."""

    path: Path
    """Path of the file."""
    kind: str
    """``decoded`` or ``detections``, see `export_onnx`."""
    card: ModelCard
    """Names, their numbers in a COCO file, image size and letterbox."""
    num_classes: int
    """Number of classes."""
    stride: int
    """Pixels. The height and width of an input are multiples of it."""
    in_channels: int
    """Channels of an image."""
    verified: Mapping[str, Any]
    """Inputs of the comparison with the detector, and the largest differences; see `Receipt`."""
    batch_size: int | None = None
    """Number of images per pass, no more and no fewer; None is any number."""
    fixed_size: tuple[int, int] | None = None
    """(height, width) of all images; None is any multiples of the stride."""
    precision: ExportPrecision = "fp32"
    """Numbers that its convolutions compute with."""
    backend: Int8Backend = "onnxruntime"
    """Backend that it was made for, and runs on unless another one is chosen."""

    def network(self) -> str | bytes:
        """Path or content that a backend loads: images -> ``boxes`` and ``scores`` of every candidate.

        A file of detections is cut before suppression, so that thresholds can still be chosen.
        """
        if self.kind == "decoded":
            return str(self.path)
        model = read_sealed(self.path)
        remove_suppression(model)
        return model.SerializeToString()


def read_exported(path: str | os.PathLike[str]) -> ExportedFile:
    """Read the facts that an ONNX file states.

    Raises:
        ModuleNotFoundError: The extra ``export`` is not installed.
        ValueError: No ONNX file, one that ``yolo3 export`` did not write or that has changed since, one that gives
            logits, one whose weights are not finite.
    """
    path = Path(path)
    if find_spec("onnx") is None:
        raise not_installed("ONNX files need", "onnx", "export")
    model = read_sealed(path)
    about = {entry.key: entry.value for entry in model.metadata_props}
    if about["kind"] not in ("decoded", "detections"):
        raise ValueError(f"{path} gives {printable(about['kind'])}; export the model again with --kind decoded")
    try:
        found = _described(path, about, model.graph.input[0].type.tensor_type.shape.dim)
        _check_fits_graph(found, model)
    except (KeyError, IndexError, TypeError, ValueError, RecursionError, OverflowError) as error:
        reason = f"{type(error).__name__}: {printable(str(error))}"
        raise ValueError(f"{path}: damaged metadata ({reason}); export it again") from error
    if unusable := unusable_numbers(_weights(model)):
        raise ValueError(f"{path} holds no usable weights: {unusable}")
    return found


def _described(path: Path, about: Mapping[str, str], axes: Any) -> ExportedFile:
    batch, channels, height, width = (axis.dim_value or None for axis in axes)  # 0 is an axis of any length
    return ExportedFile(
        path,
        about["kind"],
        ModelCard(
            json.loads(about["names"]),
            json.loads(about["image_size"]),
            about["letterbox"],  # type: ignore[arg-type]  # it checks
            category_ids=json.loads(about["category_ids"]),
            yolo3_version=about["yolo3_version"],
        ),
        int(about["num_classes"]),
        int(about["stride"]),
        channels or 3,
        json.loads(about["verified"]),
        batch,
        (height, width) if height and width else None,
        _one_of(ExportPrecision, about.get("precision", "fp32")),
        _one_of(Int8Backend, about.get("backend", "onnxruntime")),
    )


def _one_of(choice: Any, name: str) -> Any:
    """A name, if it is one of a choice."""
    if name not in get_args(choice):
        raise ValueError(f"{name!r} is not {listed(choice)}")
    return name


def _check_fits_graph(found: ExportedFile, model: Any) -> None:
    """Raise the ValueError of metadata that contradicts itself or the graph."""
    if found.num_classes < 1 or found.stride < 1:
        raise ValueError(f"num_classes is {found.num_classes} and stride {found.stride}; both must be at least 1")
    found.card.check_fits(found.num_classes)
    check_image_size(found.card.image_size, found.stride)
    outputs = {output.name: output.type.tensor_type.shape.dim for output in model.graph.output}
    expected = {"decoded": {"boxes", "scores"}, "detections": {"detections"}}[found.kind]
    if outputs.keys() != expected:
        raise ValueError(f"outputs are {', '.join(outputs)} in place of {', '.join(sorted(expected))}")
    classes = outputs["scores"][2].dim_value if "scores" in outputs else 0  # 0 is an axis of any length
    if classes not in (0, found.num_classes):
        raise ValueError(f"num_classes is {found.num_classes}, the network gives {classes} scores per box")


def _weights(model: Any) -> Iterator[tuple[str, Tensor]]:
    """The weights of a model by name; not its single numbers, of which the border of a maximum is -∞."""
    from onnx.numpy_helper import to_array

    for constant in model.graph.initializer:
        values = to_array(constant)
        if values.ndim and values.dtype.kind == "f":
            yield constant.name, torch.from_numpy(values.copy())  # a copy: PyTorch wants memory it may write to
