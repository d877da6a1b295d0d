"""Columns of images in Parquet files, as the data sets of Hugging Face have them."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from yolo3.system.extras import not_installed

if TYPE_CHECKING:
    import pyarrow

SUFFIX = ".parquet"
"""Suffix of Parquet files, in lower case."""

COLUMNS = ("image", "path", "bytes", "file_name", "url")
"""Names of the columns that are taken for images where none is named, the first there is."""

_CONTENT = "bytes"
_PATH = "path"


def packages(name: str) -> tuple[Any, Any]:
    """``pyarrow`` and ``pyarrow.parquet``.

    Args:
        name: Name of the Parquet file, for the message.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as missing:
        raise not_installed(f"{name}: Parquet files need", "pyarrow", "parquet") from missing
    return pyarrow, pyarrow.parquet


def image_column(schema: "pyarrow.Schema", column: str | None = None) -> str:
    """The column of images: text, bytes, or a struct of ``bytes`` and ``path``.

    Args:
        schema: Schema of the table.
        column: Name of the column. Default: the first of `COLUMNS` that there is, or else the first such struct.

    Raises:
        ValueError: No such column, or one of another type.
    """
    import pyarrow.types as types

    there = ", ".join(schema.names)
    if column is not None and column not in schema.names:
        raise ValueError(f"no column {column!r}; it has {there}")
    structs = (field.name for field in schema if types.is_struct(field.type) and _CONTENT in _fields(field.type))
    chosen = column or next((each for each in COLUMNS if each in schema.names), None) or next(structs, None)
    if chosen is None:
        raise ValueError(f"no column {', '.join(COLUMNS)}; name one of {there} with --column")
    kind = schema.field(chosen).type
    is_text = types.is_string(kind) or types.is_large_string(kind)
    if not (is_text or content_of(schema, chosen) or path_of(schema, chosen)):
        raise ValueError(f"column {chosen} is {kind}; it must be paths, bytes, or a struct of bytes and path")
    return chosen


def content_of(schema: "pyarrow.Schema", column: str) -> str | None:
    """The name of the column or field that holds encoded images; None if the images are not in the table."""
    import pyarrow.types as types

    kind = schema.field(column).type
    if types.is_struct(kind):
        return f"{column}.{_CONTENT}" if _CONTENT in _fields(kind) else None
    return column if types.is_binary(kind) or types.is_large_binary(kind) else None


def path_of(schema: "pyarrow.Schema", column: str) -> str | None:
    """The name of the column or field that holds paths of images; None if there are none."""
    import pyarrow.types as types

    kind = schema.field(column).type
    if types.is_struct(kind):
        return f"{column}.{_PATH}" if _PATH in _fields(kind) else None
    return column if types.is_string(kind) or types.is_large_string(kind) else None


def _fields(kind: "pyarrow.DataType") -> set[str]:
    return {field.name for field in kind}


def image_in(value: Any) -> tuple[bytes | None, str | None]:
    """Encoded bytes and path of a value of a column of images."""
    content = value.get(_CONTENT) if isinstance(value, dict) else value
    path = value.get(_PATH) if isinstance(value, dict) else value
    if not isinstance(content, bytes):
        content = None
    if not isinstance(path, str):
        path = None
    return content, path or None


def row_name(path: str | None, number: int) -> str:
    """The name of the image of a row: its path, without what leads out of a folder, or the number of the row."""
    parts = (path or "").replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or f"row {number:08d}"


def row_names(paths: Iterable[str | None]) -> list[str]:
    """Names of the images of all rows of a table. Those that several rows would have get the number of the row."""
    names = [row_name(path, number) for number, path in enumerate(paths)]
    times = Counter(names)
    return [name if times[name] == 1 else f"row {number:08d}/{name}" for number, name in enumerate(names)]


def read_paths(file: Any, column: str) -> list[str | None]:
    """The paths in the column of images, one per row; the images themselves are not read."""
    path = path_of(file.schema_arrow, column)
    if path is None:
        return [None] * int(file.metadata.num_rows)
    values = file.read(columns=[path], use_threads=False).column(0).to_pylist()
    return [image_in(value)[1] for value in values]
