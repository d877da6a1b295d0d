"""What every reader of annotations needs: text, class names, and a place to put the objects it finds."""

import math
import re
from array import array
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from yolo3.data.faults import DataError, Fault, OnFault, refuse
from yolo3.data.sample import SampleSet

_TOLERANCE = 1.0  # pixels that a box may reach over the edge, from rounding in some tool; it is cut there
_THINNEST = 0.01  # pixels: a box thinner than this has no area, whatever rounding made of it

LARGEST_EDGE = 1_000_000
"""Pixels that a picture may be wide or high: more is a mistake."""

Box = tuple[float, float, float, float]


class FoundObject(NamedTuple):
    """An object as it stands in an annotation file."""

    place: str
    """The file, and the line or record."""
    picture: int
    """Index of its picture in the sample set."""
    label: int | str
    """The number or the name of its class."""
    box: Box
    """xyxy, pixels of the picture; unchecked."""
    taken: bool
    """It is in the sample set: nothing is wrong with it."""


OnObject = Callable[[FoundObject], None]
"""What a reader calls for every object, after its fault if it has one."""


def ignore(found: FoundObject) -> None:
    """Do nothing with an object but read it."""


def read_text(path: Path) -> str:
    """A text file, with or without a byte order mark.

    Raises:
        DataError: a file that is missing or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file in UTF-8 ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def read_names(path: Path) -> tuple[str, ...]:
    """Class names, one a line, as in Darknet's ``coco.names``.

    Raises:
        DataError: a file that is missing, empty, or names a class twice.
    """
    names = tuple(line.strip() for line in read_text(path).splitlines() if line.strip())
    check_names(names, str(path))
    return names


def check_names(names: Sequence[str], place: str) -> None:
    """Raise the DataError of no class names at all, or of one that stands twice."""
    if not names:
        raise DataError(f"{place}: no class names; write one a line")
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{place}: class {name!r} is named twice; every class needs a name of its own")


def choose_split(splits: Collection[str], split: str, place: str) -> str:
    """The split that is meant: that name, or ``train2017`` for ``train``, or ``valid`` for ``val`` and back.

    Raises:
        DataError: no such split; the message lists those there are.
    """
    other = {"val": "valid", "valid": "val"}.get(split, split)
    for name in (split, other):
        for there in sorted(splits):
            if there == name or re.fullmatch(re.escape(name) + r"\d+", there):
                return there
    raise DataError(f"{place}: no split {split!r}; there are: {', '.join(sorted(splits)) or 'none'}")


class SampleSetBuilder:
    """Takes pictures and objects as a reader finds them, checks each, and makes the `SampleSet`.

    Args:
        names: of the classes.
        on_fault: told of every fault; if it returns, the faulty object is left out.
        on_object: told of every object.
    """

    def __init__(self, names: Sequence[str], on_fault: OnFault = refuse, on_object: OnObject = ignore) -> None:
        self.names = tuple(names)
        self.on_fault = on_fault
        self.on_object = on_object
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._paths = bytearray()
        self._path_ends, self._sizes, self._object_ends, self._ids = array("q"), array("q"), array("q"), array("q")
        self._boxes, self._area, self._labels = array("f"), array("f"), array("q")
        self._difficult, self._crowd = array("b"), array("b")
        self._skipped: list[Fault] = []

    def add_image(self, path: Path, size: tuple[int, int], image_id: int | None = None) -> None:
        """Begin a picture of (height, width); the objects added next are in it."""
        self._paths += str(path).encode("utf-8", "surrogateescape")
        self._path_ends.append(len(self._paths))
        self._sizes.extend(size)
        self._object_ends.append(len(self._labels))
        if image_id is not None:
            self._ids.append(image_id)

    def add_object(
        self,
        place: str,
        label: int | str,
        box: Box,
        *,
        difficult: bool = False,
        crowd: bool = False,
        area: float | None = None,
    ) -> None:
        """Add an object to the picture begun last.

        Args:
            place: where it was read, for complaints.
            label: the number or the name of its class.
            box: xyxy, pixels of the picture.
            difficult: hard to see.
            crowd: many objects in one box.
            area: square pixels; None is the area of the box.
        """
        count = len(self._labels)
        self._take_object(place, label, box, difficult, crowd, area)
        self.on_object(FoundObject(place, len(self._object_ends) - 1, label, box, taken=len(self._labels) > count))

    def _take_object(
        self, place: str, label: int | str, box: Box, difficult: bool, crowd: bool, area: float | None
    ) -> None:
        number = self._class_number(place, label)
        if number is None:
            return
        width, height = self._sizes[-1], self._sizes[-2]
        if not all(map(math.isfinite, (*box, 0.0 if area is None else area))):
            text = f"box {_shown(box)} is not all numbers; mend or delete it"
            return self.on_fault(Fault("not finite", place, text))
        left, top, right, bottom = box
        if right < left or bottom < top:
            text = f"box {_shown(box)} ends before it begins; corners are left, top, right, bottom"
            return self.on_fault(Fault("reversed", place, text))
        if min(left, top) < -_TOLERANCE or right > width + _TOLERANCE or bottom > height + _TOLERANCE:
            text = f"box {_shown(box)} lies outside its picture of {width} x {height}; mend the box or the size"
            return self.on_fault(Fault("outside", place, text))
        left, right = max(left, 0.0), min(right, float(width))
        top, bottom = max(top, 0.0), min(bottom, float(height))
        if min(right - left, bottom - top) < _THINNEST:
            return self.skip(Fault("empty", place, f"box {_shown(box)} has no area"))
        self._boxes.extend((left, top, right, bottom))
        self._area.append((right - left) * (bottom - top) if area is None else area)
        self._labels.append(number)
        self._difficult.append(difficult)
        self._crowd.append(crowd)
        self._object_ends[-1] += 1

    def skip(self, fault: Fault) -> None:
        """Leave something out that does no harm by its absence, and keep a note of it."""
        self._skipped.append(fault)

    def build(self, origin: str) -> SampleSet:
        """The set of everything added.

        Args:
            origin: where it comes from, in words.
        """
        return SampleSet(
            names=self.names,
            path_text=np.frombuffer(bytes(self._paths), dtype=np.uint8),
            path_ends=np.array(self._path_ends, dtype=np.int64),
            sizes=np.array(self._sizes, dtype=np.int64).reshape(-1, 2),
            object_ends=np.array(self._object_ends, dtype=np.int64),
            boxes=np.array(self._boxes, dtype=np.float32).reshape(-1, 4),
            labels=np.array(self._labels, dtype=np.int64),
            difficult=np.array(self._difficult, dtype=np.bool_),
            crowd=np.array(self._crowd, dtype=np.bool_),
            area=np.array(self._area, dtype=np.float32),
            image_ids=np.array(self._ids, dtype=np.int64) if self._ids else None,
            origin=origin,
            skipped=tuple(self._skipped),
        )

    def _class_number(self, place: str, label: int | str) -> int | None:
        """The number of a class; None once a fault was reported."""
        number = self._numbers.get(label) if isinstance(label, str) else label
        if number is not None and 0 <= number < len(self.names):
            return number
        if isinstance(label, str):
            text = f"class {label!r} is not among the names ({_listed(self.names)}); add it to them or mend the label"
        else:
            hint = "; are the labels 1-based?" if label == len(self.names) else "; mend the label or add the name"
            text = f"class {label} is not in 0..{len(self.names) - 1} ('names' has {len(self.names)}){hint}"
        self.on_fault(Fault("class", place, text))
        return None


def _shown(box: Box) -> str:
    return "(" + ", ".join(f"{edge:g}" for edge in box) + ")"


def _listed(names: Sequence[str], limit: int = 10) -> str:
    return ", ".join(names[:limit]) + (", …" if len(names) > limit else "")
