"""LabelMe: a JSON file per image, with rectangles, and the boxes around polygons and circles.

Source:
    https://github.com/wkentaro/labelme
"""

import base64
import binascii
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from yolo3.data.data_format import DataFormat, no_own_folders
from yolo3.data.faults import DataError, Fault, OnFault
from yolo3.data.json_files import is_labelme, uncollected
from yolo3.data.labelme_writing import write_labelme
from yolo3.data.layout.annotations import AnnotationFiles, StatedImage, StatedObject
from yolo3.data.layout.contents import Contents
from yolo3.data.layout.found import FoundLayout, find_layout
from yolo3.data.layout.opening import LayoutReader
from yolo3.data.reading import read_text
from yolo3.data.sizes import edge_length

_POLYGON = "polygons, read as the boxes around them"
_CIRCLE = "circles, read as the boxes around them"


def _read_file(path: Path, on_fault: OnFault) -> list[StatedImage]:
    """One JSON file; empty if the file as a whole was reported as faulty."""
    try:
        text = read_text(path)
        with uncollected():
            content = json.loads(text)
    except json.JSONDecodeError as error:
        on_fault(Fault("syntax", f"{path}:{error.lineno}", f"not well-formed JSON ({error.msg}); fix the file"))
        return []
    except (DataError, ValueError, RecursionError) as error:
        on_fault(Fault("syntax", str(path), str(error).removeprefix(f"{path}: ") + "; fix the file"))
        return []
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        on_fault(Fault("syntax", str(path), "not a file of LabelMe, with a list of 'shapes'; move it elsewhere"))
        return []
    try:
        height, width = edge_length(content.get("imageHeight")), edge_length(content.get("imageWidth"))
    except ValueError:
        on_fault(Fault("size", str(path), "'imageHeight' and 'imageWidth' must be above 0; write the image's size"))
        return []
    lines = _lines_of(text, "points")
    places = (
        [f"{path}:{line}" for line in lines]
        if len(lines) == len(shapes)
        else [f"{path}: shape {number}" for number in range(1, len(shapes) + 1)]
    )
    unread: Counter[str] = Counter()
    objects = []
    for place, shape in zip(places, shapes, strict=True):
        found = _object(place, shape)
        if isinstance(found, str):
            unread[found] += 1
        else:
            objects.append(found)
    image = content.get("imagePath")
    broken = _broken_image(path, text, content.get("imageData"))
    stated = image if isinstance(image, str) else ""
    return [StatedImage(path, str(path), stated, height, width, objects, unread=unread, harmless=broken)]


def _object(place: str, shape: dict[str, Any]) -> StatedObject | str:
    """A shape as an object, or what it is if it has no box."""
    kind = shape.get("shape_type") or "polygon"
    if kind not in ("rectangle", "polygon", "circle", "mask"):
        return f"shape_type {kind!r:.40}"
    label = shape.get("label")
    if not isinstance(label, str) or not label.strip():
        return StatedObject(place, None, None, "a shape without a 'label'; write its class")
    label = label.strip()
    points = _points(shape.get("points"))
    least = 3 if kind == "polygon" else 2
    if points is None or len(points) < least:
        text = f"a {kind} has {least} points or more, each [x, y] in pixels, not {shape.get('points')!r:.60}"
        return StatedObject(place, label, None, text)
    flags = shape.get("flags")
    marks = {key for key, value in flags.items() if value is True} if isinstance(flags, dict) else set()
    if kind == "circle":
        (x, y), (edge_x, edge_y) = points[:2]
        radius = ((edge_x - x) ** 2 + (edge_y - y) ** 2) ** 0.5
        points = [(x - radius, y - radius), (x + radius, y + radius)]
    xs, ys = zip(*points, strict=True)
    box = (min(xs), min(ys), max(xs), max(ys))
    note = {"polygon": _POLYGON, "circle": _CIRCLE}.get(kind, "")
    return StatedObject(place, label, box, difficult="difficult" in marks, crowd="crowd" in marks, note=note)


def _points(value: Any) -> list[tuple[float, float]] | None:
    try:
        return [(float(x), float(y)) for x, y in value]
    except (TypeError, ValueError, OverflowError):
        return None


def _broken_image(path: Path, text: str, data: Any) -> Fault | None:
    """The fault of an image inside the file that cannot be decoded. Images are read from their own files."""
    if data is None:
        return None
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        line = next(iter(_lines_of(text, "imageData")), 1)
        said = f"'imageData' is not an image in base64 ({error}); the image file counts, set 'imageData' to null"
        return Fault("image", f"{path}:{line}", said)
    return None


def _lines_of(text: str, key: str) -> list[int]:
    """The lines in which a key stands."""
    lines = []
    line = 1
    start = 0
    for match in re.finditer(rf'"{key}"\s*:', text):
        line += text.count("\n", start, match.start())
        start = match.start()
        lines.append(line)
    return lines


_FILES = AnnotationFiles((".json",), is_labelme, _read_file, is_slow=True)


def _find(contents: Contents, is_chosen: bool) -> FoundLayout | None:
    return find_layout(contents, _FILES, "labelme", "LabelMe")


def _holds(path: Path) -> bool:
    return path.suffix.lower() in _FILES.suffixes and is_labelme(path)


_READER = LayoutReader(_find, "no JSON file of LabelMe, with 'shapes' and 'imagePath'")

LABELME = DataFormat(
    name="labelme",
    read=_READER.read,
    splits=_READER.splits,
    write=write_labelme,
    recognise=no_own_folders,
    expected="*.json with shapes",
    box_order="xyxy",
    find=_find,
    holds=_holds,
)
