"""JSON files: read fast, and identified if they are not COCO files."""

import gc
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from yolo3.data.faults import DataError
from yolo3.data.label_tools import LABEL_STUDIO, VIA
from yolo3.data.reading import read_text

LISTS = ("images", "annotations", "categories")
"""Lists in a COCO file."""

_SMALL = 1 << 20  # bytes; the beginning of a larger file is enough to identify it
_BEGINNING = 1 << 16


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: A file that is missing or damaged.
    """
    text = read_text(path)
    try:
        with uncollected():
            return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not well-formed JSON ({error.msg}); fix the file") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists in lists
        raise DataError(f"{path}: JSON that cannot be read ({error}); fix the file") from error


def what_it_is(path: Path, content: object) -> str | None:
    """What a JSON file is that is not a COCO file, and what to do; None if it is unknown.

    Args:
        path: Path of the file.
        content: Its content.
    """
    if isinstance(content, list):
        first = content[0] if content and isinstance(content[0], dict) else {}
        if {"image_id", "score"} <= first.keys():
            return "a list of detections; measure them with yolo3 evaluate DATA --detections FILE"
        if "data" in first and {"annotations", "completions", "predictions"} & first.keys():
            return LABEL_STUDIO.advice(path)
        if {"image", "annotations"} <= first.keys():
            return "a CreateML file; export as COCO, YOLO or Pascal VOC instead"
        return None
    if not isinstance(content, dict):
        return None
    if "shapes" in content and {"imagePath", "imageData"} & content.keys():
        return "a LabelMe file, of one image; read it with --format labelme"
    if "_via_img_metadata" in content:
        return VIA.advice(path)
    if "categories" in content and not {"images", "annotations"} & content.keys():
        return "a list of classes, as Label Studio adds to a YOLO export; write a data.yaml with train, val and names"
    return None


def may_be_coco(path: Path) -> bool:
    """Whether a JSON file seems to be a COCO file, at a quick look; a damaged one may be."""
    if not path.is_file():
        return False
    if is_labelme(path):
        return False
    if path.stat().st_size > _SMALL:
        return not _beginning(path).lstrip().startswith(b"[")
    try:
        content = read_json(path)
    except DataError:
        return True
    return isinstance(content, dict) and len(content.keys() & set(LISTS)) > 1


def is_labelme(path: Path) -> bool:
    """Whether a JSON file seems to be LabelMe's, at a quick look; a damaged one may be."""
    beginning = _beginning(path)
    keys = set(re.findall(rb'"(shapes|imagePath|imageData|images)"\s*:', beginning))
    is_cut = len(beginning) == _BEGINNING  # before the keys at the end
    return b"shapes" in keys and b"images" not in keys and (is_cut or len(keys) > 1)


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_BEGINNING)
    except OSError:
        return b""


def whole(value: object) -> int | None:
    """A whole number that may be an id, which some programs write as 3.0; None otherwise."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and abs(value) < 2**63 else None


def is_marked(value: object) -> bool:
    """Whether a mark such as ``iscrowd`` is set: 1, true, "1" and similar values, but not "0".

    Raises:
        ValueError: A value that is not a mark.
    """
    if value is None or isinstance(value, bool | int | float):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in _MARKS:
        return _MARKS[value.strip().lower()]
    raise ValueError(f"{value!r:.40} is neither 0 nor 1")


_MARKS = {"": False, "0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}


@contextmanager
def uncollected() -> Iterator[None]:
    """Suspend garbage collection: JSON makes no reference cycles, and millions of objects would trigger it often."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
