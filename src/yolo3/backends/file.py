"""An ONNX file that `export_onnx` wrote: what it says of itself, and the network in it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from yolo3.checkpoint import ModelCard
from yolo3.export.suppression import remove_suppression
from yolo3.extras import not_installed


@dataclass(frozen=True)
class ExportedFile:
    """What has to be known to run an exported detector."""

    path: Path
    """Of the file."""
    kind: str
    """``decoded`` or ``detections``, see `export_onnx`."""
    card: ModelCard
    """Its names, their numbers in a COCO file, image size and letterbox."""
    num_classes: int
    """How many classes it knows."""
    stride: int
    """Pixels: the height and width of an input are multiples of it."""
    verified: Mapping[str, Any]
    """What the file was compared on, and the largest differences; see `Receipt`."""
    batch_size: int | None = None
    """Images that go through together, no more and no fewer; None is any number."""
    fixed_size: tuple[int, int] | None = None
    """(height, width) of all images; None is any multiples of the stride."""

    def network(self) -> str | bytes:
        """What a runtime loads, path or content: images -> ``boxes`` and ``scores`` of every candidate.

        Of a file of detections it is all that comes before suppression, so that thresholds can still be chosen.
        """
        if self.kind == "decoded":
            return str(self.path)
        model = _load(self.path)
        remove_suppression(model)
        return model.SerializeToString()


def read_exported(path: str | os.PathLike[str]) -> ExportedFile:
    """Read what an ONNX file says of itself.

    Raises:
        ModuleNotFoundError: without the extra ``export``.
        ValueError: no ONNX file, one that ``yolo3 export`` did not write, one that gives logits.
    """
    path = Path(path)
    if find_spec("onnx") is None:
        raise not_installed("ONNX files need", "onnx", "export")
    model = _load(path)
    about = {entry.key: entry.value for entry in model.metadata_props}
    if not {"yolo3_version", "kind"} <= about.keys():
        raise ValueError(
            f"{path} was not written by yolo3 export: it does not say its classes, image size and letterbox, and what "
            "its outputs mean is not known here"
        )
    if about["kind"] not in ("decoded", "detections"):
        raise ValueError(f"{path} gives {about['kind']}; export the model again with --kind decoded")
    try:
        return _described(path, about, model.graph.input[0].type.tensor_type.shape.dim)
    except (KeyError, IndexError, TypeError, ValueError) as error:  # a JSONDecodeError is a ValueError
        raise ValueError(f"{path}: damaged metadata ({type(error).__name__}: {error}); export it again") from error


def _described(path: Path, about: Mapping[str, str], axes: Any) -> ExportedFile:
    batch, _, height, width = (axis.dim_value or None for axis in axes)  # 0 is an axis of any length
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
        json.loads(about["verified"]),
        batch,
        (height, width) if height and width else None,
    )


def _load(path: Path) -> Any:
    """An ``onnx.ModelProto``."""
    import onnx
    from google.protobuf.message import DecodeError  # what onnx is built on

    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        model = onnx.load(path)
    except DecodeError as error:
        raise ValueError(f"{path} is no ONNX file, or a damaged one") from error
    if not model.graph.input:
        raise ValueError(f"{path} is no ONNX file, or a damaged one")
    return model
