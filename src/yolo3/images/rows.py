"""Images in the rows of Parquet files.

Such an image has an address like that of a file: the path of the Parquet file, then the name of the image, as in
``data/train.parquet/000123.jpg``. It is read where an image file would be read, a row group at a time.
"""

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

from yolo3.images.errors import ImageError
from yolo3.images.tables import SUFFIX, content_of, image_column, packages, read_paths, row_names


def in_table(address: str | os.PathLike[str]) -> tuple[str, str] | None:
    """Parquet file and name of an image in one of its rows; None if an address does not lead into such a file."""
    path = os.fspath(address)
    head, tail = os.path.split(path)
    names = [tail]
    while head and head != path and not os.path.lexists(head):
        path = head
        head, tail = os.path.split(head)
        names.insert(0, tail)
    if not head.lower().endswith(SUFFIX) or not os.path.isfile(head):
        return None
    return head, "/".join(names)


def row_of(address: str | os.PathLike[str]) -> int | None:
    """The number of the row that an address leads to, from 0; None if it leads to none."""
    found = in_table(address)
    return None if found is None else _opened(found[0]).rows.get(found[1])


def row_place(address: str | os.PathLike[str]) -> str | None:
    """File and row of an image in a Parquet file, for messages; None if an address leads to none."""
    found = in_table(address)
    if found is None:
        return None
    try:
        number = _opened(found[0]).rows.get(found[1])
    except ImageError:
        number = None
    return found[0] if number is None else f"{found[0]}: row {number}"


def row_content(address: str | os.PathLike[str]) -> bytes | None:
    """The encoded image in a row; None if an address does not lead into a Parquet file.

    Raises:
        ImageError: No such row; a row without an image; a damaged file.
        ModuleNotFoundError: pyarrow is not installed.
    """
    found = in_table(address)
    if found is None:
        return None
    file, name = found
    table = _opened(file)
    number = table.rows.get(name)
    if number is None:
        raise ImageError(f"no image {name!r} in {file}")
    content = _HELD.row(table, number)
    if not content:
        raise ImageError("no image in the row")
    return content


@dataclass(frozen=True, eq=False)
class _Table:
    """A Parquet file with images, opened."""

    key: tuple[str, int, int]
    """Path, size and time of the file."""
    file: Any
    content: str
    """Column or field of the encoded images."""
    rows: dict[str, int]
    """Numbers of the rows by the names of their images."""
    starts: tuple[int, ...]
    """First row of each row group, and the number of all rows."""

    def group_of(self, number: int) -> int:
        """The row group of a row."""
        return bisect_right(self.starts, number) - 1

    def read_group(self, group: int) -> Any:
        """The encoded images of a row group."""
        # threads of its own would not survive a fork
        return self.file.read_row_group(group, columns=[self.content], use_threads=False).flatten().column(0)


def _opened(file: str) -> _Table:
    """A Parquet file, opened once as long as it does not change.

    Raises:
        ImageError: A file that cannot be read, or has no column of images.
    """
    try:
        status = os.stat(file)
        return _open(file, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ImageError(f"the file cannot be read ({error.strerror})") from error


@lru_cache(maxsize=256)
def _open(file: str, size: int, time: int) -> _Table:
    arrow, parquet = packages(file)
    try:
        opened = parquet.ParquetFile(file)
        schema = opened.schema_arrow
        column = image_column(schema)
        content = content_of(schema, column)
        if content is None:
            raise ImageError(f"{file} holds paths of images, and no images")
        names = row_names(read_paths(opened, column))
        groups = [opened.metadata.row_group(group).num_rows for group in range(opened.num_row_groups)]
    except (arrow.ArrowException, ValueError, OSError) as error:
        raise ImageError(f"not a Parquet file of images that can be read ({' '.join(str(error).split())})") from error
    rows = {name: number for number, name in enumerate(names)}
    return _Table((file, size, time), opened, content, rows, (0, *accumulate(groups)))


class _Held:
    """The row groups that were read last, since the next image asked for is often in one of them.

    Args:
        limit: Bytes. At least one row group is held.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._renew()
        if hasattr(os, "register_at_fork"):  # a lock held by another thread would stay locked in the child
            os.register_at_fork(after_in_child=self._renew)

    def row(self, table: _Table, number: int) -> bytes | None:
        """The encoded image of a row.

        Raises:
            ImageError: A damaged file.
        """
        group = table.group_of(number)
        with self._lock:
            images = self._groups.get((table.key, group))
            if images is None:
                arrow, _ = packages(table.key[0])
                try:
                    images = table.read_group(group)
                except (arrow.ArrowException, OSError) as error:
                    raise ImageError(f"row group {group} is damaged ({' '.join(str(error).split())})") from error
                self._groups[table.key, group] = images
                while len(self._groups) > 1 and sum(held.nbytes for held in self._groups.values()) > self._limit:
                    self._groups.popitem(last=False)
            self._groups.move_to_end((table.key, group))
        content = images[number - table.starts[group]].as_py()
        return content if isinstance(content, bytes) else None

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._groups: OrderedDict[tuple[tuple[str, int, int], int], Any] = OrderedDict()


_HELD = _Held(2**28)
"""Shared by the threads of a process; it does not affect results."""
