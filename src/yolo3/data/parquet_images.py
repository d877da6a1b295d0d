"""The images of Parquet files of boxes, each with its objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from yolo3.data.box_orders import IN_WORDS, ORDERS, BoxOrder, as_corners, is_misread, misfits
from yolo3.data.faults import DataError, OnFault
from yolo3.data.images import image_size
from yolo3.data.layout.annotations import SOLE_CLASS, StatedImage, StatedObject
from yolo3.data.layout.splits import split_of_file
from yolo3.data.parquet_rows import Row, RowsOfFile, place_of, read_rows
from yolo3.data.sample import Float64Array

_LOOKED_AT = 64  # images whose size is read from their bytes to find the order of the numbers
_LARGEST_FRACTION = 1.01  # boxes of fractions end at 1, up to rounding
_PIXELS = 1000  # edge that fractions are multiplied by to compare orders
_LEAST_BOXES = 3  # that tell the order, if all fit
_USUAL: BoxOrder = "xywh"
"""Order of the data sets of Hugging Face, which is COCO's."""


@dataclass(frozen=True, eq=False)
class RowReader:
    """Reads the Parquet files of a data set, whose boxes all have their numbers in one order.

    Encoded images are not read, except a few headers if no sizes are stated.
    """

    files: Sequence[str]
    root: Path
    """Folder of the data set."""

    def images(self, path: Path, on_fault: OnFault) -> list[StatedImage]:
        """The images of one file; empty if the file as a whole was reported as faulty."""
        file = self._read.get(str(path)) or read_rows(path)
        for fault in file.faults:
            on_fault(fault)
        remarks = list(file.remarks)
        if self._order != _USUAL:
            text = f"boxes are read as ({IN_WORDS[self._order]}), since they do not fit as ({IN_WORDS[_USUAL]})"
            remarks.append(text)
        if self._in_fractions:
            remarks.append("no number is above 1: boxes are read as fractions of the image")
        split = split_of_file(path, self.root)
        return [
            StatedImage(
                path,
                place_of(path, row.number),
                row.image,
                row.height,
                row.width,
                _objects(path, row, self._order),
                split,
                self._in_fractions,
                remarks=tuple(remarks),
                is_inside=row.is_inside,
            )
            for row in file.rows
        ]

    @cached_property
    def _read(self) -> dict[str, RowsOfFile]:
        return {file: read_rows(Path(file)) for file in self.files}

    @cached_property
    def _boxes(self) -> Float64Array:
        """(M, 4) numbers of all boxes that are four numbers."""
        rows = (row for file in self._read.values() for row in file.rows)
        numbers = [box for row in rows for box in map(_four, row.boxes) if box is not None]
        return np.array(numbers, dtype=np.float64).reshape(-1, 4)

    @cached_property
    def _in_fractions(self) -> bool:
        return len(self._boxes) > 0 and bool(self._boxes.max() <= _LARGEST_FRACTION)

    @cached_property
    def _order(self) -> BoxOrder:
        """The order in which the boxes fit their images; the usual one unless only another fits."""
        if self._in_fractions:
            boxes = self._boxes * _PIXELS
            sizes = np.full((len(boxes), 2), _PIXELS, dtype=np.int64)
        else:
            boxes = self._boxes
            sizes = np.array(self._sizes, dtype=np.int64).reshape(-1, 2)
        known = (sizes[:, 0] > 0) & np.isfinite(boxes).all(1)
        unfit = {order: int(misfits(boxes[known], order, sizes[known]).sum()) for order in ORDERS}
        best = min(ORDERS, key=lambda order: (unfit[order], order != _USUAL))
        total = int(known.sum())
        fits_all = unfit[best] == 0 and total >= _LEAST_BOXES
        return best if fits_all or is_misread(unfit[_USUAL], unfit[best], total) else _USUAL

    @property
    def _sizes(self) -> list[tuple[int, int]]:
        """(height, width) of the image of each box of `_boxes`: as stated, or else read, of the first few; or zeros."""
        sizes = []
        looked_at = 0
        for name, file in self._read.items():
            for row in file.rows:
                count = sum(_four(box) is not None for box in row.boxes)
                size = (row.height or 0, row.width or 0)
                if 0 in size and count and looked_at < _LOOKED_AT:
                    looked_at += 1
                    image = row.image if row.is_inside else Path(name).parent / row.image
                    size = _size_of(image)
                if 0 in size:
                    size = (0, 0)
                sizes += [size] * count
        return sizes


def _size_of(image: str | Path) -> tuple[int, int]:
    """(height, width) of an image; zeros if it cannot be read, which is told where the image is added."""
    try:
        return image_size(image)
    except DataError:
        return 0, 0


def _four(value: Any) -> tuple[float, float, float, float] | None:
    """The numbers of a box; None if they are not four."""
    try:
        a, b, c, d = map(float, value)
    except (TypeError, ValueError):
        return None
    return a, b, c, d


def _objects(path: Path, row: Row, order: BoxOrder) -> list[StatedObject]:
    """The objects of a row."""
    labels: list[Any] = [SOLE_CLASS] * len(row.boxes) if row.labels is None else row.labels
    if len(row.boxes) != len(labels):
        said = f"{len(row.boxes)} boxes and {len(labels)} classes; write one class per box"
        return [StatedObject(place_of(path, row.number), None, None, said)]
    numbers = [_four(box) for box in row.boxes]
    filled = np.array([box or (0.0, 0.0, 0.0, 0.0) for box in numbers]).reshape(-1, 4)
    corners = as_corners(filled, order).tolist()
    return [
        _object(row, index, f"{place_of(path, row.number)}, object {index}", label, None if box is None else corner)
        for index, (label, box, corner) in enumerate(zip(labels, numbers, corners, strict=True))
    ]


def _object(row: Row, index: int, place: str, stated: Any, corners: list[float] | None) -> StatedObject:
    """An object of a row, with the class that it states and its corners, if it has four numbers."""
    label = _label(stated)
    if corners is None:
        said = f"bbox {row.boxes[index]!s:.40} is not four numbers; fix or delete it"
        return StatedObject(place, label, None, said)
    if label is None:
        return StatedObject(place, None, None, f"class {stated!s:.40} is neither a number nor a name; fix it")
    left, top, right, bottom = corners
    return StatedObject(
        place,
        label,
        (left, top, right, bottom),
        difficult=_at(row.difficults, index) in (True, 1),
        crowd=_at(row.crowds, index) in (True, 1),
        area=_area(_at(row.areas, index)),
    )


def _label(value: Any) -> int | str | None:
    if isinstance(value, str):
        return value.strip() or None
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
    return int(value) if is_whole else None


def _area(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _at(values: Sequence[Any], index: int) -> Any:
    return values[index] if index < len(values) else None
