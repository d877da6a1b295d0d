"""The columns of a CSV file of boxes, recognised by their names."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from yolo3.data.box_checks import BoxCorners

BoxForm = Literal["corners", "corner and size", "centre and size", "list"]

_IMAGE = ("filename", "imageid", "image", "imagepath", "imagename", "imagefile", "file", "filepath", "path", "img")
_CLASS = (
    "classname",
    "labelname",
    "categoryname",
    "class",
    "name",
    "category",
    "label",
    "classid",
    "categoryid",
    "target",
)
_SPLIT = ("split", "subset", "partition")
_BOXES: tuple[tuple[BoxForm, tuple[str, str, str, str]], ...] = (
    ("corners", ("xmin", "ymin", "xmax", "ymax")),
    ("corners", ("left", "top", "right", "bottom")),
    ("corners", ("x1", "y1", "x2", "y2")),
    ("corners", ("x0", "y0", "x1", "y1")),
    ("corners", ("bboxxmin", "bboxymin", "bboxxmax", "bboxymax")),
    ("centre and size", ("xcenter", "ycenter", "width", "height")),
    ("centre and size", ("xcenter", "ycenter", "w", "h")),
    ("centre and size", ("cx", "cy", "w", "h")),
    ("corner and size", ("x", "y", "w", "h")),
    ("corner and size", ("x", "y", "width", "height")),
    ("corner and size", ("xmin", "ymin", "width", "height")),
    ("corner and size", ("left", "top", "width", "height")),
    ("corner and size", ("bboxx", "bboxy", "bboxwidth", "bboxheight")),
)
_LIST = ("bbox", "box", "boundingbox")
_WIDTH = ("imagewidth", "imgwidth", "width")
_HEIGHT = ("imageheight", "imgheight", "height")
_DIFFICULT = ("difficult", "isdifficult")
_CROWD = ("iscrowd", "crowd", "isgroupof")


@dataclass(frozen=True)
class Columns:
    """Indices of the columns of a CSV file; None for a column that it does not have."""

    image: int
    form: BoxForm
    box: tuple[int, ...]
    """Columns of the four numbers, or the one of their list."""
    label: int | None
    split: int | None = None
    width: int | None = None
    height: int | None = None
    difficult: int | None = None
    crowd: int | None = None

    @classmethod
    def of(cls, header: Sequence[str]) -> "Columns | None":
        """The columns that a header names; None if images or boxes are missing."""
        places: dict[str, int] = {}
        for index, name in enumerate(header):
            places.setdefault(re.sub(r"[^a-z0-9]", "", name.casefold()), index)

        def first(names: Sequence[str]) -> int | None:
            return next((places[name] for name in names if name in places), None)

        image = first(_IMAGE)
        found = next(((form, names) for form, names in _BOXES if all(name in places for name in names)), None)
        listed = first(_LIST)
        if image is None:
            return None
        if found is not None:
            form, names = found
            taken = tuple(places[name] for name in names)
        elif listed is not None:
            form = "list"
            taken = (listed,)
        else:
            return None
        width, height = (None if place in taken else place for place in (first(_WIDTH), first(_HEIGHT)))
        return cls(image, form, taken, first(_CLASS), first(_SPLIT), width, height, first(_DIFFICULT), first(_CROWD))

    @property
    def last(self) -> int:
        """Highest index of a column that every row needs."""
        return max(self.image, *self.box, self.label or 0)


HEADERLESS = Columns(image=0, form="corners", box=(1, 2, 3, 4), label=5)
"""RetinaNet's form: image, left, top, right, bottom, class; only the image where it has no object."""


def box_of(columns: Columns, row: Sequence[str]) -> BoxCorners | None:
    """The box (left, top, right, bottom) of a row; None if all its fields are empty.

    Raises:
        ValueError: Fields that are not four numbers.
    """
    fields = [row[index].strip() for index in columns.box]
    if not any(fields):
        return None
    if columns.form == "list":
        fields = [part for part in re.split(r"[\s,;]+", fields[0].strip("[](){}")) if part]
        if len(fields) != 4:
            raise ValueError(f"{row[columns.box[0]]!r:.40} is not a list of four numbers")
    try:
        a, b, c, d = map(float, fields)
    except ValueError as error:
        raise ValueError(f"{json.dumps(fields)[:60]} are not four numbers") from error
    if columns.form == "corners":
        return a, b, c, d
    if columns.form == "centre and size":
        return a - c / 2, b - d / 2, a + c / 2, b + d / 2
    return a, b, a + c, b + d
