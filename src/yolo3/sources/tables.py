"""Parquet files with a column of images: paths, or encoded bytes as the data sets of Hugging Face have them."""

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from yolo3.sources.encoded import Encoded
from yolo3.sources.remote import opened
from yolo3.sources.web import shown
from yolo3.system.extras import not_installed

if TYPE_CHECKING:
    import pyarrow

COLUMNS = ("image", "path", "bytes", "file_name", "url")
"""Names of the columns that are taken for images where none is named, the first there is."""

_ROWS = 64  # read at a time


def table_images(source: str, column: str | None = None) -> Iterator[str | Encoded | None]:
    """The images of a Parquet file, row by row: a path or an address as text, or encoded bytes; None in an empty row.

    A column of images is text, bytes, or a struct of ``bytes`` and ``path`` as in Hugging Face's data sets. Encoded
    bytes are called by the table and their path, or the number of their row: ``train.parquet/000123.jpg``.

    Args:
        source: Path or address of the file.
        column: Name of the column. Default: the first of `COLUMNS` that there is.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
        ValueError: No Parquet file; one without the column, or without rows; after the last intact rows, one that is
            damaged.
    """
    name = shown(source)
    arrow, parquet = _packages(name)
    number = 0
    with opened(source) as file:
        try:
            table = parquet.ParquetFile(file)
            chosen = _column(table.schema_arrow, column, name)
            for batch in table.iter_batches(_ROWS, columns=[chosen]):
                for value in batch.column(0).to_pylist():
                    yield _image(value, name, number)
                    number += 1
        except (arrow.ArrowException, OSError) as error:
            what = f"is damaged after {number:,} rows" if number else "not a Parquet file that can be read"
            raise ValueError(f"{name}: {what} ({' '.join(str(error).split())})") from error
    if not number:
        raise ValueError(f"{name}: no rows in it")


def count_rows(source: str) -> int:
    """The number of rows of a Parquet file on this machine.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
        ValueError: No Parquet file.
    """
    arrow, parquet = _packages(source)
    with opened(source) as file:
        try:
            return int(parquet.ParquetFile(file).metadata.num_rows)
        except (arrow.ArrowException, OSError) as error:
            raise ValueError(f"{source}: not a Parquet file that can be read ({error})") from error


def _packages(name: str) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as missing:
        raise not_installed(f"{name}: Parquet files need", "pyarrow", "parquet") from missing
    return pyarrow, pyarrow.parquet


def _column(schema: "pyarrow.Schema", column: str | None, name: str) -> str:
    import pyarrow.types as types

    there = ", ".join(schema.names)
    if column is not None and column not in schema.names:
        raise ValueError(f"{name}: no column {column!r}; it has {there}")
    chosen = column or next((each for each in COLUMNS if each in schema.names), None)
    if chosen is None:
        raise ValueError(f"{name}: no column {', '.join(COLUMNS)}; name one of {there} with --column")
    kind = schema.field(chosen).type
    is_image = types.is_struct(kind) and {"bytes", "path"} & {field.name for field in kind}
    if not (is_image or types.is_string(kind) or types.is_large_string(kind) or _is_binary(kind)):
        raise ValueError(f"{name}: column {chosen} is {kind}; it must be paths, bytes, or a struct of bytes and path")
    return chosen


def _is_binary(kind: "pyarrow.DataType") -> bool:
    import pyarrow.types as types

    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _image(value: Any, table: str, number: int) -> str | Encoded | None:
    content = value.get("bytes") if isinstance(value, dict) else value
    path = value.get("path") if isinstance(value, dict) else None
    if isinstance(content, bytes):
        name = path or f"row {number:08d}"
        return Encoded(f"{table}/{name}", PurePosixPath(name).stem, partial(bytes, content))
    return content or path or None
