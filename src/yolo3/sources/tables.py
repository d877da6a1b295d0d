"""Parquet files with a column of images: paths, or encoded bytes as the data sets of Hugging Face have them."""

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from yolo3.images.tables import image_column, image_in, packages, row_name
from yolo3.sources.encoded import Encoded
from yolo3.sources.remote import opened
from yolo3.sources.web import shown

_ROWS = 64  # read at a time


def table_images(source: str, column: str | None = None) -> Iterator[str | Encoded | None]:
    """The images of a Parquet file, row by row: a path or an address as text, or encoded bytes; None in an empty row.

    A column of images is text, bytes, or a struct of ``bytes`` and ``path`` as in Hugging Face's data sets. Encoded
    bytes are called by the table and their path, or the number of their row: ``train.parquet/000123.jpg``.

    Args:
        source: Path or address of the file.
        column: Name of the column. Default: the first of `yolo3.images.tables.COLUMNS` that there is.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
        ValueError: No Parquet file; one without the column, or without rows; after the last intact rows, one that is
            damaged.
    """
    name = shown(source)
    arrow, parquet = packages(name)
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
    arrow, parquet = packages(source)
    with opened(source) as file:
        try:
            return int(parquet.ParquetFile(file).metadata.num_rows)
        except (arrow.ArrowException, OSError) as error:
            raise ValueError(f"{source}: not a Parquet file that can be read ({error})") from error


def _image(value: Any, table: str, number: int) -> str | Encoded | None:
    content, path = image_in(value)
    if content is None:
        return path
    name = row_name(path, number)
    return Encoded(f"{table}/{name}", PurePosixPath(name).stem, partial(bytes, content))


def _column(schema: Any, column: str | None, name: str) -> str:
    try:
        return image_column(schema, column)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
