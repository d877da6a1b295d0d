"""The columns of a Parquet file of boxes, as the data sets of Hugging Face have them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo3.data.faults import DataError
from yolo3.images.tables import content_of, image_column, packages, path_of

EXPECTED = "columns 'image' and 'objects' with 'bbox' and 'category'"
"""Columns of a Parquet file of boxes, in words."""

_OBJECTS = ("objects", "annotations", "object")
_BOX = ("bbox", "bboxes", "box", "boxes")
_LABEL = ("category", "categories", "category_id", "label", "labels", "class", "classes", "class_id", "name")
_AREA = ("area",)
_CROWD = ("iscrowd", "is_crowd", "crowd")
_DIFFICULT = ("difficult", "is_difficult")
_EDGES = (("height", "width"), ("image_height", "image_width"))


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a Parquet file, and of the fields of its objects; None for one that it does not have."""

    image: str
    objects: str
    box: str
    label: str | None
    area: str | None
    crowd: str | None
    difficult: str | None
    edges: tuple[str, str] | None
    """Columns of the height and width of the images."""
    names: tuple[str, ...] | None
    """Class names, by number."""
    content: str | None
    """Column or field of encoded images."""
    path: str | None
    """Column or field of their paths."""

    @classmethod
    def of(cls, schema: Any) -> "Columns":
        """The columns of a table.

        Raises:
            ValueError: A missing column; the message has the columns that there are.
        """
        image = image_column(schema)
        there = ", ".join(schema.names)
        named = [name for name in _OBJECTS if name in schema.names]
        candidates = [*named, *(name for name in schema.names if name not in (*named, image))]
        found = next(((name, fields) for name in candidates if (fields := _fields(schema.field(name).type))), None)
        if found is None:
            raise ValueError(f"no column 'objects' with a 'bbox' among {there}; expected {EXPECTED}")
        objects, fields = found

        def first(names: Sequence[str]) -> str | None:
            return next((name for name in names if name in fields), None)

        box = first(_BOX)
        assert box is not None  # or there would be no fields
        label = first(_LABEL)
        edges = next((pair for pair in _EDGES if all(edge in schema.names for edge in pair)), None)
        names = None if label is None else _class_names(schema.metadata, objects, label)
        marks = first(_AREA), first(_CROWD), first(_DIFFICULT)
        places = content_of(schema, image), path_of(schema, image)
        return cls(image, objects, box, label, *marks, edges, names, *places)


def columns_of(path: Path) -> Columns:
    """The columns of a Parquet file.

    Raises:
        DataError: A file that cannot be read, or lacks a column.
        ModuleNotFoundError: pyarrow is not installed.
    """
    arrow, parquet = packages(str(path))
    try:
        schema = parquet.read_schema(path)
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a Parquet file that can be read ({' '.join(str(error).split())})") from error
    try:
        return Columns.of(schema)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def has_boxes(path: Path) -> bool:
    """Whether a Parquet file has columns of images and boxes, from its schema alone."""
    try:
        columns_of(path)
    except DataError:
        return False
    return True


def class_names(path: Path) -> tuple[str, ...] | None:
    """The class names that a Parquet file states; None if it states none or cannot be read."""
    try:
        return columns_of(path).names
    except DataError:
        return None


def _fields(kind: Any) -> set[str]:
    """The fields of objects, which are a struct of lists or a list of structs; empty if they have no boxes."""
    import pyarrow.types as types

    is_list = types.is_list(kind) or types.is_large_list(kind)
    fields = {field.name for field in (kind.value_type if is_list else kind)} if _holds_structs(kind) else set()
    return fields if not fields.isdisjoint(_BOX) else set()


def _holds_structs(kind: Any) -> bool:
    import pyarrow.types as types

    if types.is_list(kind) or types.is_large_list(kind):
        return bool(types.is_struct(kind.value_type))
    return bool(types.is_struct(kind))


def _class_names(metadata: dict[bytes, bytes] | None, objects: str, label: str) -> tuple[str, ...] | None:
    """The names of a ``ClassLabel`` in the description that Hugging Face's library writes."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        feature: Any = _below(features[objects])[label]
        while "names" not in feature:
            feature = feature["feature"]
        names = feature["names"]
    except (ValueError, KeyError, TypeError):
        return None
    return tuple(names) if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _below(feature: Any) -> Any:
    """The fields of a feature, whatever kind of sequence holds them."""
    if isinstance(feature, list):  # [{"bbox": …}], as older versions write a list of structs
        return feature[0]
    return feature["feature"] if "_type" in feature else feature
