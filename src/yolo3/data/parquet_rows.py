"""The rows of a Parquet file of boxes, as the file has them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo3.data.faults import DataError, Fault, OnFault
from yolo3.data.parquet_columns import Columns, columns_of
from yolo3.data.sizes import edge_length
from yolo3.images.tables import packages, read_paths, row_names

_ROWS = 1024  # read at a time
_LARGEST_GROUP = 2**29  # bytes


@dataclass(frozen=True)
class Row:
    """A row as the file has it."""

    number: int
    image: str
    """Path of the image; the address of one inside the file."""
    is_inside: bool
    height: int | None
    width: int | None
    boxes: list[Any]
    labels: list[Any] | None
    """None if objects have no class."""
    areas: list[Any]
    crowds: list[Any]
    difficults: list[Any]


@dataclass(frozen=True)
class RowsOfFile:
    """What a Parquet file holds."""

    rows: list[Row]
    remarks: list[str]
    faults: list[Fault]


def read_rows(path: Path) -> RowsOfFile:
    """The rows of a Parquet file; none if the file as a whole is faulty."""
    arrow, parquet = packages(str(path))
    faults: list[Fault] = []
    try:
        columns = columns_of(path)
        with parquet.ParquetFile(path) as file:
            remarks = _remarks(path, file, columns)
            rows = list(_rows(path, file, columns, faults.append))
    except DataError as error:
        return RowsOfFile([], [], [Fault("syntax", str(path), str(error).removeprefix(f"{path}: "))])
    except (arrow.ArrowException, OSError) as error:
        said = f"not a Parquet file that can be read ({' '.join(str(error).split())}); fetch it again"
        return RowsOfFile([], [], [Fault("syntax", str(path), said)])
    if not rows and not faults:
        faults.append(Fault("missing", str(path), "no row in it; add rows, or remove the file"))
    return RowsOfFile(rows, remarks, faults)


def place_of(path: Path, number: int) -> str:
    """The place of a row, for messages."""
    return f"{path}: row {number}"


def _remarks(path: Path, file: Any, columns: Columns) -> list[str]:
    """What is good to know about the file."""
    groups = [file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups)]
    if columns.content is None or max(groups, default=0) <= _LARGEST_GROUP:
        return []
    size = f"{max(groups) / 1e9:.1f} GB"
    return [f"{path}: a row group takes {size} and is read as a whole; yolo3 convert-data writes smaller ones"]


def _rows(path: Path, file: Any, columns: Columns, on_fault: OnFault) -> Iterator[Row]:
    """The rows that have an image."""
    paths = read_paths(file, columns.image)
    inside = columns.content is not None and _has_content(file, columns.content)
    names = row_names(paths) if inside else [name or "" for name in paths]
    number = 0
    for batch in file.iter_batches(_ROWS, columns=[columns.objects, *(columns.edges or ())], use_threads=False):
        for row in batch.to_pylist():
            place = place_of(path, number)
            name = names[number]
            number += 1
            if not name:
                on_fault(Fault("missing", place, "no image in it; write its path, or remove the row"))
                continue
            try:
                height, width = _stated_size(row, columns)
            except ValueError as error:
                on_fault(Fault("size", place, f"the size of the image is wrong: {error}"))
                continue
            objects = row[columns.objects]
            yield Row(
                number - 1,
                f"{path}/{name}" if inside else name,
                inside,
                height,
                width,
                boxes=_values(objects, columns.box),
                labels=None if columns.label is None else _values(objects, columns.label),
                areas=_values(objects, columns.area),
                crowds=_values(objects, columns.crowd),
                difficults=_values(objects, columns.difficult),
            )


def _stated_size(row: dict[str, Any], columns: Columns) -> tuple[int | None, int | None]:
    """Height and width of an image; None for an edge that is not stated."""
    if columns.edges is None:
        return None, None
    height, width = columns.edges
    return edge_length(row[height]), edge_length(row[width])


def _has_content(file: Any, content: str) -> bool:
    """Whether any row holds an encoded image, from the statistics of the column."""
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group)
        for index in range(rows.num_columns):
            column = rows.column(index)
            if column.path_in_schema != content:
                continue
            known = column.is_stats_set and column.statistics.has_null_count
            if not known or column.statistics.null_count < rows.num_rows:
                return True
    return False


def _values(objects: Any, field: str | None) -> list[Any]:
    """The values of a field of all objects of a row."""
    if field is None or not objects:
        return []
    if isinstance(objects, dict):
        return list(objects.get(field) or [])
    return [None if item is None else item.get(field) for item in objects]
