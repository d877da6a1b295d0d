"""The annotations of a COCO file as columns: processed at once, and one by one only where something is wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from yolo3.data.coco_outlines import outline_box
from yolo3.data.faults import Fault, FaultKind
from yolo3.data.json_files import is_marked, whole
from yolo3.data.sample import BoolArray, Float64Array, IntArray

Entry = dict[str, Any]
"""An object of the JSON file."""

_MOST_UNREAD = 20  # keys that are listed
_READ = {
    "images": {"id", "file_name", "width", "height"},
    "annotations": {"id", "image_id", "category_id", "bbox", "area", "iscrowd", "difficult"},
    "categories": {"id", "name"},
}
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class AnnotationTable:
    """N annotations, in the order of the file, and those that cannot be read."""

    image: IntArray
    """(N,) index of the image in the file's list."""
    category: IntArray
    """(N,) category ids, all known."""
    boxes: Float64Array
    """(N, 4) left, top, right, bottom; unchecked."""
    area: Float64Array
    """(N,) square pixels; -1 where the file does not state it."""
    difficult: BoolArray
    crowd: BoolArray
    entries: Sequence[Entry]
    """(N,) entries, unchanged."""
    odd: tuple["OddAnnotation", ...]
    """Further annotations, which cannot be read."""
    outlined: int = 0
    """Number of annotations without a ``bbox``, whose box is the one around their outline."""


@dataclass(frozen=True)
class OddAnnotation:
    """An annotation that cannot be read."""

    image: int | None
    """Index of its image in the file's list; None if it has none."""
    class_name: str | None
    fault: Fault


def annotation_table(
    entries: Sequence[Entry],
    images: Mapping[int, int],
    categories: Mapping[int, str],
    path: str,
) -> AnnotationTable:
    """All annotations of a file.

    Args:
        entries: Annotations, as the file lists them.
        images: Index of each image by its id.
        categories: Name of each category by its id.
        path: Path of the file, for messages.
    """
    image = _numbers([entry.get("image_id") for entry in entries], images)
    category = _numbers([entry.get("category_id") for entry in entries], {number: number for number in categories})
    boxes, has_box = _four([entry.get("bbox") for entry in entries])
    outlined, reasons = _outline(entries, boxes, has_box)
    area, has_area = _column([entry.get("area") for entry in entries], _area, -1.0)
    crowd, has_crowd = _column([entry.get("iscrowd") for entry in entries], is_marked, False)
    difficult, has_difficult = _column([entry.get("difficult") for entry in entries], is_marked, False)
    has_box &= has_area
    has_marks = has_crowd & has_difficult
    fit = (image != _NONE) & (category != _NONE) & has_box & has_marks
    odd = []
    for index in np.flatnonzero(~fit).tolist():
        entry = entries[index]
        if image[index] == _NONE:
            text = f"its image_id {entry.get('image_id')!r:.80} is not among the images; fix or remove it"
            kind: FaultKind = "reference"
        elif not has_box[index]:
            needed = f"needs a 'bbox' [left, top, width, height] in pixels, not {shown(entry, 'bbox', 'area')}"
            text = reasons.get(index, needed)
            kind = "syntax"
        elif not has_marks[index]:
            text = f"a mark is 0 or 1, not {shown(entry, 'iscrowd', 'difficult')}"
            kind = "syntax"
        else:
            known = f"{sorted(categories)!s:.200}"
            text = f"its category_id {entry.get('category_id')!r:.80} is not among the categories {known}"
            kind = "class"
        fault = Fault(kind, f"{path}: annotation {entry.get('id')}", text)
        owner = None if image[index] == _NONE else int(image[index])
        name = None if category[index] == _NONE else categories[int(category[index])]
        odd.append(OddAnnotation(owner, name, fault))
    boxes[:, 2:] += boxes[:, :2]
    kept = entries if fit.all() else [entries[index] for index in np.flatnonzero(fit).tolist()]
    return AnnotationTable(
        image[fit], category[fit], boxes[fit], area[fit], difficult[fit], crowd[fit], kept, tuple(odd), outlined
    )


def _outline(entries: Sequence[Entry], boxes: Float64Array, has_box: BoolArray) -> tuple[int, dict[int, str]]:
    """Fill in the boxes around the outlines of annotations without a ``bbox``.

    Returns:
        The number of these boxes, and the reason why an outline gives none, by index.
    """
    reasons: dict[int, str] = {}
    count = 0
    for index in np.flatnonzero(~has_box).tolist():
        entry = entries[index]
        if entry.get("bbox") or not entry.get("segmentation"):
            continue
        try:
            boxes[index] = outline_box(entry["segmentation"])
        except ValueError as error:
            reasons[index] = f"no 'bbox', and its 'segmentation' gives none: {error}"
            continue
        has_box[index] = True
        count += 1
    return count, reasons


def unread_keys(entries: Sequence[Entry], what: str) -> list[str]:
    """Descriptions of the keys that entries have and that are not read. Keys without a value count as absent."""
    keys = dict.fromkeys(chain.from_iterable(map(dict.keys, entries)))
    counts = {key: sum(1 for entry in entries if entry.get(key)) for key in keys if key not in _READ[what]}
    found = [f"{key!r:.60} of {count:,} {what}" for key, count in counts.items() if count]
    if len(found) > _MOST_UNREAD:
        return [*found[:_MOST_UNREAD], "and other keys"]
    return found


def shown(entry: Entry, *keys: str) -> str:
    """Some of an entry's keys and values, cut short."""
    text = ", ".join(f"{key}: {entry.get(key)!r}" for key in keys)
    return text if len(text) < 100 else f"{text[:100]}…"


_NONE = -(2**63)


def _numbers(values: Sequence[object], known: Mapping[int, int]) -> IntArray:
    """The index of each id; `_NONE` for an unknown id."""
    try:
        found = [known.get(value, _NONE) for value in values]  # type: ignore[call-overload]  # 3.0 is 3
        return np.array(found, dtype=np.int64)
    except TypeError:  # a list cannot be looked up
        return np.array([known.get(whole(value), _NONE) for value in values], np.int64)  # type: ignore[arg-type]


def _four(values: Sequence[Any]) -> tuple[Float64Array, BoolArray]:
    """(N, 4) numbers, and (N,) whether each row is valid."""
    try:
        if set(map(len, values)) <= {4} and set(map(type, chain.from_iterable(values))) <= {int, float}:
            flat = np.fromiter(chain.from_iterable(values), dtype=np.float64, count=4 * len(values))
            return flat.reshape(-1, 4), np.ones(len(values), dtype=np.bool_)
    except (TypeError, OverflowError):
        pass
    rows = [_row(value) for value in values]
    boxes = np.array([row or (0.0,) * 4 for row in rows], dtype=np.float64).reshape(-1, 4)
    return boxes, np.array([row is not None for row in rows], dtype=np.bool_)


def _row(value: Any) -> tuple[float, ...] | None:
    try:
        left, top, width, height = map(float, value)
    except (TypeError, ValueError, OverflowError):
        return None
    return left, top, width, height


def _area(value: Any) -> float:
    return -1.0 if value is None else float(value)


def _column(values: Sequence[Any], make: Callable[[Any], _Made], otherwise: _Made) -> tuple[Any, BoolArray]:
    """(N,) converted values, and (N,) whether each could be converted."""
    if set(map(type, values)) <= {int, float} and isinstance(otherwise, float):
        try:
            return np.array(values, dtype=np.float64), np.ones(len(values), dtype=np.bool_)
        except OverflowError:
            pass
    made: dict[Any, tuple[_Made, bool]] = {}
    try:
        for value in set(values):
            made[value] = _try(make, value, otherwise)
        columns = [made[value] for value in values]
    except TypeError:  # a list among them cannot be looked up
        columns = [_try(make, value, otherwise) for value in values]
    array: npt.NDArray[Any] = np.array([one for one, _ in columns], dtype=type(otherwise))
    return array, np.array([fits for _, fits in columns], dtype=np.bool_)


def _try(make: Callable[[Any], _Made], value: Any, otherwise: _Made) -> tuple[_Made, bool]:
    try:
        return make(value), True
    except (TypeError, ValueError, OverflowError):
        return otherwise, False
