"""An ONNX file that knows its own digest, so that a byte that changed on its way is noticed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DIGEST = "sha256"
"""The entry of the metadata: the SHA-256 of the file, in which these 64 characters themselves stand as zeros."""

_BLANK = b"0" * 64


def write_sealed(model: Any, path: Path) -> None:
    """Write a model with its digest in the metadata.

    Args:
        model: An ``onnx.ModelProto``; its metadata gets the entry.
        path: The file to write.
    """
    from onnx.helper import set_model_props  # of the extra `export`

    about = {entry.key: entry.value for entry in model.metadata_props}
    set_model_props(model, about | {DIGEST: _BLANK.decode()})
    content = bytearray(model.SerializeToString())
    start = content.rfind(_BLANK)  # the weights come before the metadata
    content[start : start + len(_BLANK)] = hashlib.sha256(content).hexdigest().encode()
    path.write_bytes(content)


def write_described(model: Any, path: Path, about: Mapping[str, object]) -> None:
    """Write a model with its digest and these facts, and no others, in the metadata.

    Args:
        model: An ``onnx.ModelProto``; its metadata is replaced.
        path: File to write.
        about: Facts by name: strings stay as they are, all else becomes JSON.
    """
    from onnx.helper import set_model_props  # of the extra `export`

    set_model_props(
        model, {key: value if isinstance(value, str) else json.dumps(value) for key, value in about.items()}
    )
    write_sealed(model, path)


def read_sealed(path: Path) -> Any:
    """Read a model that `write_sealed` wrote, whole and unchanged.

    Returns:
        An ``onnx.ModelProto``.

    Raises:
        ValueError: No such file, no ONNX file, one that ``yolo3 export`` did not write, or one that has changed since.
    """
    import onnx  # of the extra `export`
    from google.protobuf.message import DecodeError  # what onnx is built on

    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    content = path.read_bytes()
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise ValueError(f"{path} is no ONNX file, or a damaged one") from error
    if not model.graph.input:
        raise ValueError(f"{path} is no ONNX file, or a damaged one")
    about = {entry.key: entry.value for entry in model.metadata_props}
    if not {"yolo3_version", "kind"} <= about.keys():
        raise ValueError(
            f"{path} was not written by yolo3 export: it does not say its classes, image size and letterbox, and what "
            "its outputs mean is not known here"
        )
    if not _is_intact(content, about.get(DIGEST, "")):
        raise ValueError(
            f"{path} is not the file that yolo3 export wrote: it was damaged or changed, or comes from a version that "
            "stored no digest; export it again"
        )
    return model


def _is_intact(content: bytes, digest: str) -> bool:
    """Whether a digest out of a file's metadata is that of the file."""
    place = digest.encode()
    start = content.rfind(place)
    if len(place) != len(_BLANK) or start < 0:
        return False
    found = hashlib.sha256(memoryview(content)[:start])
    found.update(_BLANK)
    found.update(memoryview(content)[start + len(_BLANK) :])
    return found.hexdigest() == digest
