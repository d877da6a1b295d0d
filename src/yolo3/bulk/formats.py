"""The formats of part files: a row per image, the same columns in each."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolo3.bulk.rows import COLUMNS, Row, stored
from yolo3.choices import PartFormat
from yolo3.system.extras import not_installed

if TYPE_CHECKING:
    import pyarrow

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class RowFormat:
    """A format of part files."""

    write: Callable[[Path, Sequence[Row]], None]
    """Function that writes rows to a new file."""
    read: Callable[[Path], Iterator[Row]]
    """Function that reads them, and raises a ValueError for a damaged file."""
    check: Callable[[], None]
    """Function that raises a ModuleNotFoundError where a package is missing."""


def write_jsonl(path: Path, rows: Sequence[Row]) -> None:
    """A JSON document per row, one per line."""
    # bytes of a file name that are no UTF-8 are written as JSON does: \udcff
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(json.dumps(row.to_dict(), ensure_ascii=False) + "\n" for row in rows)


def read_jsonl(path: Path) -> Iterator[Row]:
    """The rows of `write_jsonl`.

    Raises:
        ValueError: A line that is no such row.
    """
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield Row(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise ValueError(f"{path}:{number}: not a row of a part file ({error})") from error


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """A Parquet file, its boxes fixed lists of four float32."""
    from pyarrow import parquet

    parquet.write_table(table_of(rows), path, compression="zstd")


def table_of(rows: Sequence[Row]) -> "pyarrow.Table":
    """Rows as a table of Arrow."""
    import pyarrow

    schema = row_schema()
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    columns["path"] = [stored(path) for path in columns["path"]]
    return pyarrow.table([pyarrow.array(columns[field.name], field.type) for field in schema], schema)


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows of `write_parquet`.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
        ValueError: A file that is damaged, or has no such columns.
    """
    check_parquet()
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
            if missing:
                raise ValueError(f"{path}: not a part file, it has no column {', '.join(missing)}")
            for batch in file.iter_batches(1024, columns=list(COLUMNS)):
                yield from (Row(**row) for row in batch.to_pylist())
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path}: not a Parquet file that can be read ({' '.join(str(error).split())})") from error


def row_schema() -> "pyarrow.Schema":
    """The Arrow types of the columns."""
    import pyarrow

    text = pyarrow.string()
    kinds: Mapping[str, Any] = {
        "path": text,
        "width": pyarrow.int32(),
        "height": pyarrow.int32(),
        "boxes": pyarrow.list_(pyarrow.list_(pyarrow.float32(), 4)),
        "scores": pyarrow.list_(pyarrow.float32()),
        "labels": pyarrow.list_(pyarrow.int32()),
        "names": pyarrow.list_(text),
        "error": text,
        "model_digest": text,
    }
    return pyarrow.schema([(name, kinds[name]) for name in COLUMNS])


def check_parquet() -> None:
    """Raise the ModuleNotFoundError of a missing pyarrow."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ModuleNotFoundError as missing:
        raise not_installed("Parquet files need", "pyarrow", "parquet") from missing


def _nothing_missing() -> None:
    return None


FORMATS: Mapping[PartFormat, RowFormat] = {
    "jsonl": RowFormat(write_jsonl, read_jsonl, _nothing_missing),
    "parquet": RowFormat(write_parquet, read_parquet, check_parquet),
}
"""The formats by their names."""
