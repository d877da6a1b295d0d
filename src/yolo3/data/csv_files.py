"""CSV files of boxes: their images, each with its objects."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from yolo3.data.csv_columns import HEADERLESS, Columns, box_of
from yolo3.data.faults import DataError, Fault, OnFault
from yolo3.data.layout.annotations import SOLE_CLASS, StatedImage, StatedObject
from yolo3.data.layout.splits import split_of_file
from yolo3.data.reading import read_text
from yolo3.data.sizes import edge_length

_DELIMITERS = (",", ";", "\t")
_BEGINNING = 1 << 14  # bytes that hold the header and a few rows
_LARGEST_FRACTION = 1.01  # boxes of fractions end at 1, up to rounding
EXPECTED = "a header such as filename, xmin, ymin, xmax, ymax, class"
"""First line of a CSV file of boxes, in words."""


def has_boxes(path: Path, may_lack_header: bool) -> bool:
    """Whether a CSV file has columns of boxes, at a quick look."""
    try:
        with path.open("rb") as file:
            text = file.read(_BEGINNING).decode("utf-8-sig", "ignore")
    except OSError:
        return False
    rows = text.splitlines()
    return _opened(rows) is not None or (may_lack_header and _is_headerless(rows))


def _opened(lines: Sequence[str]) -> tuple[Columns, str] | None:
    """The columns that the first line names, and the character between them."""
    for delimiter in _DELIMITERS if lines else ():
        header = next(csv.reader(lines[:1], delimiter=delimiter), [])
        columns = Columns.of(header)
        if columns is not None:
            return columns, delimiter
    return None


def _is_headerless(lines: Sequence[str]) -> bool:
    fields = next(csv.reader(lines[:1]), [])
    if len(fields) != 6:
        return False
    try:
        box_of(HEADERLESS, fields)
    except ValueError:
        return False
    return True


def read_images(path: Path, on_fault: OnFault, root: Path, may_lack_header: bool) -> list[StatedImage]:
    """The images of one CSV file; empty if the file as a whole was reported as faulty."""
    try:
        text = read_text(path)
    except DataError as error:
        on_fault(Fault("syntax", str(path), str(error).removeprefix(f"{path}: ")))
        return []
    lines = text.split("\n", 2)
    if not text.strip():
        on_fault(Fault("syntax", f"{path}:1", f"the file is empty; expected {EXPECTED}"))
        return []
    opened = _opened(lines)
    has_header = opened is not None
    if opened is None and may_lack_header and _is_headerless(lines):
        opened = HEADERLESS, ","
    if opened is None:
        text = (
            f"{lines[0][:60]!r} names no columns of images and boxes; expected {EXPECTED}; for a file without header "
            "choose --format csv"
        )
        on_fault(Fault("syntax", f"{path}:1", text))
        return []
    columns, delimiter = opened
    images = _images(path, text, columns, delimiter, has_header, on_fault)
    if not images:
        on_fault(
            Fault("missing", f"{path}:{len(text.splitlines())}", "no row names an image; add rows below the header")
        )
    remarks = [] if delimiter == "," else [f"{path}:1: fields are separated by {delimiter!r}"]
    in_fractions = _in_fractions(images)
    if in_fractions:
        remarks.append(f"{path}: no number is above 1: boxes are read as fractions of the image")
    own = split_of_file(path, root)
    labels = _numbers(images)
    return [
        replace(
            image,
            objects=[item._replace(label=labels.get(str(item.label))) for item in image.objects]
            if labels
            else image.objects,
            split=image.split or own,
            in_fractions=in_fractions,
            remarks=tuple(remarks),
        )
        for image in images
    ]


def _images(
    path: Path, text: str, columns: Columns, delimiter: str, has_header: bool, on_fault: OnFault
) -> list[StatedImage]:
    """The images of the rows, each with its objects."""
    found: dict[tuple[str, str], StatedImage] = {}
    objects: dict[tuple[str, str], list[StatedObject]] = {}
    for line, row in _rows(path, text, delimiter, on_fault):
        place = f"{path}:{line}"
        if not any(field.strip() for field in row) or (has_header and line == 1):
            continue
        if len(row) <= columns.last:
            on_fault(
                Fault("syntax", place, f"{len(row)} fields, where the header needs {columns.last + 1}; fix the row")
            )
            continue
        name = row[columns.image].strip()
        if not name:
            on_fault(Fault("syntax", place, "no image; write the name of its file"))
            continue
        key = name, _field(row, columns.split)
        if key not in found:
            try:
                height, width = (edge_length(_field(row, index)) for index in (columns.height, columns.width))
            except ValueError as error:
                on_fault(Fault("size", place, f"the size of the image is wrong: {error}"))
                continue
            objects[key] = []
            found[key] = StatedImage(path, place, name, height, width, objects[key], key[1])
        item = _object(place, row, columns)
        if item is not None:
            objects[key].append(item)
    return list(found.values())


def _rows(path: Path, text: str, delimiter: str, on_fault: OnFault) -> Iterator[tuple[int, list[str]]]:
    """Lines and fields of the rows."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        on_fault(Fault("syntax", f"{path}:{reader.line_num}", f"not a row of CSV ({error}); fix the file"))


def _object(place: str, row: Sequence[str], columns: Columns) -> StatedObject | None:
    """The object of a row; None if the row says that its image has none."""
    label = SOLE_CLASS if columns.label is None else row[columns.label].strip()
    try:
        box = box_of(columns, row)
    except ValueError as error:
        return StatedObject(place, label or None, None, str(error))
    if box is None:
        return None
    if not label:
        return StatedObject(place, None, None, "an object without a class; write its name")
    difficult, crowd = (_field(row, index) in ("1", "true", "True") for index in (columns.difficult, columns.crowd))
    return StatedObject(place, label, box, difficult=difficult, crowd=crowd)


def _field(row: Sequence[str], index: int | None) -> str:
    return "" if index is None or index >= len(row) else row[index].strip()


def _in_fractions(images: Sequence[StatedImage]) -> bool:
    """Whether no number of any box is above 1."""
    boxes = [item.box for image in images for item in image.objects if item.box is not None]
    return bool(boxes) and all(max(box) <= _LARGEST_FRACTION for box in boxes)


def _numbers(images: Sequence[StatedImage]) -> dict[str, int]:
    """The class numbers of a file that has numbers in place of names; empty otherwise."""
    texts = {str(item.label) for image in images for item in image.objects if item.label is not None}
    return {text: int(text) for text in texts} if all(text.isdecimal() for text in texts) else {}
