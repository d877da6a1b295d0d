"""The rows of YOLO label files: boxes, and outlines, oriented boxes and poses as the boxes around or beside them."""

from collections.abc import Sequence
from typing import NamedTuple

from yolo3.data.box_checks import BoxCorners
from yolo3.data.faults import FaultKind

_FURTHEST = 2.0  # image widths; a larger number is not a fraction
_VISIBILITIES = {0.0, 1.0, 2.0}

POLYGON = "polygon rows, read as the boxes around them"
QUADRILATERAL = "rows of four points (oriented boxes), read as the upright boxes around them"
POSE = "pose rows, of which the boxes are read and the keypoints are not"


class Row(NamedTuple):
    """A row that can be read."""

    label: int
    box: BoxCorners
    """xyxy, fractions of the image."""
    score: float | None
    note: str
    """How it was read, if it is more than a box."""


class RowFault(NamedTuple):
    """The reason why a row cannot be read."""

    kind: FaultKind
    text: str
    label: int | None


def read_row(line: str, has_score: bool = False, keypoints: tuple[int, int] | None = None) -> Row | RowFault:
    """Read a row: a class, then a box (cx cy w h), a polygon of 3 points or more, or a box and keypoints.

    Args:
        line: Row with at least one field.
        has_score: Whether rows end in a score.
        keypoints: Number of keypoints, and of numbers for each (2 or 3), where a description states them. Without it,
            rows of a box and keypoints are told by their visibility flags.
    """
    fields = line.split()
    number = int(fields[0]) if fields[0].isdecimal() else None
    try:
        label, *values = map(float, fields)
    except ValueError:
        return RowFault("syntax", f"{line.strip()[:60]!r} is not {_expected(fields, has_score)}", number)
    score = values.pop() if has_score and values else None
    pose = _is_pose(values, keypoints)
    if (has_score and score is None) or not (len(values) == 4 or pose or _is_polygon(values)):
        return RowFault("syntax", f"{line.strip()[:60]!r} is not {_expected(fields, has_score)}", number)
    if not label.is_integer():
        return RowFault("class", f"class {fields[0]} is not a whole number", None)
    shape = values[:4] if pose else values
    if max(shape) > _FURTHEST:
        text = f"{line.strip()[:60]!r}: are these pixels? YOLO files have fractions of the image, 0 to 1"
        return RowFault("outside", text, int(label))
    if len(shape) == 4:
        cx, cy, w, h = shape
        note = POSE if pose else ""
        return Row(int(label), (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), score, note)
    x = shape[::2]
    y = shape[1::2]
    note = QUADRILATERAL if len(shape) == 8 else POLYGON
    return Row(int(label), (min(x), min(y), max(x), max(y)), score, note)


def _is_polygon(values: Sequence[float]) -> bool:
    return len(values) >= 6 and len(values) % 2 == 0


def _is_pose(values: Sequence[float], keypoints: tuple[int, int] | None) -> bool:
    """Whether numbers are a box and keypoints."""
    if keypoints is not None:
        return len(values) == 4 + keypoints[0] * keypoints[1]
    points = values[4:]
    return len(points) >= 3 and len(points) % 3 == 0 and set(points[2::3]) <= _VISIBILITIES


def _expected(fields: Sequence[str], has_score: bool) -> str:
    """The expected form of a row, with a hint at the likely mistake."""
    if has_score:
        return "class cx cy w h score, as min_score in the description says"
    if len(fields) == 6:
        return "class cx cy w h; if the sixth number is a score, set min_score in the data.yaml, such as min_score: 0.5"
    return "class cx cy w h, nor a class and the x and y of 3 points or more"
