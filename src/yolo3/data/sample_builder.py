"""Collects the images and objects that readers find, checks each, and builds a `SampleSet`."""

import operator
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from yolo3.checks.names import first_few
from yolo3.data.box_checks import BoxCorners, box_fault, cut, cut_all, sound
from yolo3.data.faults import Fault, FaultKind, OnFault, refuse
from yolo3.data.sample import BoolArray, Float32Array, Float64Array, IntArray, SampleSet, joined

_UNREAD: BoxCorners = (float("nan"),) * 4


class FoundObject(NamedTuple):
    """An object as an annotation file states it."""

    place: str
    """File, and line or record."""
    image: int | None
    """Index of the image in the sample set; None if the image is not in it."""
    label: int | str | None
    """Number or name of the class; None if it cannot be read."""
    box: BoxCorners
    """Bounding box, xyxy pixels of the image; unchecked, NaN if it cannot be read."""
    taken: bool
    """Whether the object is valid, so that the sample set has it."""


OnObject = Callable[[FoundObject], None]
"""Function that a reader calls with every object, after reporting its fault if it has one."""


def ignore(found: FoundObject) -> None:
    """Do nothing with an object."""


@dataclass(frozen=True)
class ObjectTable:
    """N objects as columns, in the order of their file."""

    image: IntArray
    """(N,) index of each object's image, in the order in which images were added."""
    labels: IntArray
    """(N,) class numbers, all known."""
    boxes: Float64Array | Float32Array
    """(N, 4) xyxy, pixels; unchecked."""
    area: Float64Array | Float32Array
    """(N,) square pixels; a negative value stands for the area of the box."""
    difficult: BoolArray
    crowd: BoolArray
    place: Callable[[int], str]
    """Gives the place of an object by its index, for messages."""


class SampleSetBuilder:
    """Takes images and objects as a reader finds them, checks each, and builds the `SampleSet`.

    Args:
        names: Class names, in order.
        on_fault: Called with every fault. If it returns, the faulty object is left out.
        on_object: Called with every object.
        counts_from_zero: Tells whether any object has class 0; called when a class number is one too large. Default:
            the objects added so far decide.
    """

    def __init__(
        self,
        names: Sequence[str],
        on_fault: OnFault = refuse,
        on_object: OnObject = ignore,
        counts_from_zero: Callable[[], bool] | None = None,
    ) -> None:
        self.names = tuple(names)
        self.on_fault = on_fault
        self.on_object = on_object
        self._counts_from_zero = counts_from_zero
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._paths = bytearray()
        self._path_ends = array("q")
        self._sizes = array("q")
        self._held = array("q")
        self._ids = array("q")
        self._image = array("q")
        self._boxes = array("f")
        self._area = array("f")
        self._labels = array("q")
        self._difficult = array("b")
        self._crowd = array("b")
        self._tables: list[ObjectTable] = []
        self._skipped: list[Fault] = []
        self._remarks: list[str] = []
        self._told: list[str] = []
        self._notes: Counter[str] = Counter()
        self._unread: list[str] = []

    def __len__(self) -> int:
        return len(self._path_ends)

    def add_image(self, path: str | Path, size: tuple[int, int], image_id: int | None = None) -> None:
        """Add an image of (height, width). Objects added next belong to it."""
        self._paths += str(path).encode("utf-8", "surrogateescape")
        self._path_ends.append(len(self._paths))
        self._sizes.extend(size)
        self._held.append(0)
        if image_id is not None:
            self._ids.append(image_id)

    def add_object(
        self,
        place: str,
        label: int | str,
        box: BoxCorners,
        *,
        difficult: bool = False,
        crowd: bool = False,
        area: float | None = None,
    ) -> None:
        """Add an object to the last image.

        Args:
            place: File, and line or record, for messages.
            label: Number or name of the class.
            box: Bounding box, xyxy pixels of the image.
            difficult: Whether the object is hard to see.
            crowd: Whether the box holds many objects.
            area: Area of the object, square pixels. None takes the area of the box.
        """
        image = len(self) - 1
        number = self._class_number(place, label)
        self._held[image] += 1
        size = self._sizes[-2], self._sizes[-1]
        taken = number is not None and self._is_fit(place, box, area, size)
        if number is not None and taken:
            edges = cut(box, size)
            if area is None:
                area = (edges[2] - edges[0]) * (edges[3] - edges[1])
            self._image.append(image)
            self._boxes.extend(edges)
            self._area.append(area)
            self._labels.append(number)
            self._difficult.append(difficult)
            self._crowd.append(crowd)
        self.on_object(FoundObject(place, image, label, box, taken))

    def add_table(self, table: ObjectTable) -> None:
        """Add objects to any of the images at once. Only invalid ones are processed one by one."""
        sizes = np.array(self._sizes, dtype=np.int64).reshape(-1, 2)[table.image]
        boxes = table.boxes.astype(np.float64, copy=False)
        fit = sound(boxes, table.area.astype(np.float64, copy=False), sizes)
        for index in np.flatnonzero(~fit).tolist():
            height, width = sizes[index].tolist()
            left, top, right, bottom = table.boxes[index].tolist()
            self._is_fit(table.place(index), (left, top, right, bottom), float(table.area[index]), (height, width))
        held = np.frombuffer(self._held, dtype=np.int64)
        held += np.bincount(table.image, minlength=len(self))
        del held  # an array with a view cannot grow
        edges = cut_all(boxes[fit], sizes[fit])
        own = (edges[:, 2] - edges[:, 0]) * (edges[:, 3] - edges[:, 1])
        area = np.where(table.area[fit] < 0, own, table.area[fit])
        self._tables.append(
            ObjectTable(
                table.image[fit],
                table.labels[fit],
                edges.astype(np.float32),
                area.astype(np.float32),
                table.difficult[fit],
                table.crowd[fit],
                _nowhere,  # the function that gives places keeps the whole file in memory
            )
        )
        if self.on_object is not ignore:
            self._tell(table, fit)

    def refuse_object(
        self, kind: FaultKind, place: str, text: str, label: int | str | None = None, image: int | None = None
    ) -> None:
        """Report an object that cannot be read.

        Args:
            kind: Kind of fault.
            place: File, and line or record.
            text: Description of the fault.
            label: Number or name of the class, if it can be read.
            image: Index of the image. None is the last one.
        """
        image = len(self) - 1 if image is None else image
        self._held[image] += 1
        self.on_fault(Fault(kind, place, text))
        self.on_object(FoundObject(place, image, label, _UNREAD, taken=False))

    def miss_object(self, place: str, label: int | str | None) -> None:
        """Report an object whose image is not in the set."""
        self.on_object(FoundObject(place, None, label, _UNREAD, taken=False))

    def skip(self, fault: Fault) -> None:
        """Record something that is left out and whose absence is harmless."""
        self._skipped.append(fault)

    def remark(self, text: str) -> None:
        """Record an observation that changes nothing in what is read."""
        self._remarks.append(text)

    def tell(self, text: str) -> None:
        """Record how the data set was read."""
        self._told.append(text)

    def note(self, what: str) -> None:
        """Count an object that was read in a way that should be known, such as a polygon as a box."""
        self._notes[what] += 1

    def leave_unread(self, what: str) -> None:
        """Record a description of annotation content that is not read."""
        self._unread.append(what)

    def build(self, origin: str, split: str | None = None) -> SampleSet:
        """Build the set of everything added.

        Args:
            origin: Description of the data set.
            split: Split of it; None is all images.
        """
        if split is not None:
            origin += f", split {split!r}"
        image = joined([np.array(self._image, np.int64), *(table.image for table in self._tables)], np.int64)
        order = np.argsort(image, kind="stable")
        counts = np.bincount(image, minlength=len(self))

        def column(own: "array[int] | array[float]", name: str, dtype: type[np.generic], width: int | None = None):  # type: ignore[no-untyped-def]
            first = np.array(own, dtype=dtype).reshape((-1,) if width is None else (-1, width))
            return joined([first, *(getattr(table, name) for table in self._tables)], dtype, width)[order]

        return SampleSet(
            names=self.names,
            path_text=np.frombuffer(bytes(self._paths), dtype=np.uint8),
            path_ends=np.array(self._path_ends, dtype=np.int64),
            sizes=np.array(self._sizes, dtype=np.int64).reshape(-1, 2),
            object_ends=np.cumsum(counts, dtype=np.int64),
            boxes=column(self._boxes, "boxes", np.float32, 4),
            labels=column(self._labels, "labels", np.int64),
            difficult=column(self._difficult, "difficult", np.bool_),
            crowd=column(self._crowd, "crowd", np.bool_),
            area=column(self._area, "area", np.float32),
            held=np.array(self._held, dtype=np.int64),
            image_ids=np.array(self._ids, dtype=np.int64) if self._ids else None,
            origin=origin,
            skipped=tuple(self._skipped),
            remarks=tuple(self._remarks),
            notes=(*self._told, *(f"{count:,} {what}" for what, count in self._notes.items())),
            unread=tuple(self._unread),
        )

    def _is_fit(self, place: str, box: BoxCorners, area: float | None, size: tuple[int, int]) -> bool:
        """Whether a box is valid; its fault is reported if not."""
        wrong = box_fault(box, area, size)
        if wrong is None:
            return True
        fault = Fault(wrong.kind, place, wrong.text)
        if wrong.kind == "empty":
            self.skip(fault)
        else:
            self.on_fault(fault)
        return False

    def _tell(self, table: ObjectTable, fit: BoolArray) -> None:
        columns = (table.image.tolist(), table.labels.tolist(), table.boxes.tolist(), fit.tolist())
        for index, (image, label, box, taken) in enumerate(zip(*columns, strict=True)):
            self.on_object(FoundObject(table.place(index), image, self.names[label], tuple(box), taken))

    def _class_number(self, place: str, label: int | str) -> int | None:
        """The number of a class; None after a fault was reported."""
        number = self._numbers.get(label) if isinstance(label, str) else label
        if number is not None and 0 <= number < len(self.names):
            return number
        self.on_fault(Fault("class", place, self.unknown_class(label)))
        return None

    def unknown_class(self, label: int | str) -> str:
        """The message for a class that is not among the names."""
        if isinstance(label, str):
            return (
                f"class {label!r} is not among the names ({first_few(self.names, 10)}); add it to them or fix the label"
            )
        counts_from_zero = self._counts_from_zero or partial(operator.contains, self._labels, 0)
        is_shifted = label == len(self.names) and not counts_from_zero()
        hint = "are the labels 1-based?" if is_shifted else "fix the label or add the name"
        return f"class {label} is not in 0..{len(self.names) - 1} ('names' has {len(self.names)}); {hint}"


def _nowhere(index: int) -> str:
    return ""
