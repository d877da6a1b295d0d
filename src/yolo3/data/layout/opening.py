"""Opening a data set of a format that has no folders of its own."""

from collections.abc import Callable
from pathlib import Path

from yolo3.data.faults import DataError
from yolo3.data.layout.contents import Contents
from yolo3.data.layout.found import FoundLayout
from yolo3.data.work import QUIETLY, Work

Find = Callable[[Contents, bool], FoundLayout | None]
"""Finds a data set by what its files hold; see `yolo3.data.data_format.DataFormat.find`."""


def open_layout(path: Path, find: Find, lacking: str, allow_outside: bool = False, work: Work = QUIETLY) -> FoundLayout:
    """The data set at a path.

    Args:
        path: Folder, or one annotation file.
        find: Finds data sets of the format.
        lacking: Description of what the path lacks if it has no such data set.
        allow_outside: Read images outside the folder too.
        work: Reading of many files: quietly, or with a progress bar and several processes.

    Raises:
        DataError: No data set of the format.
    """
    found = find(Contents.of(path, allow_outside=allow_outside, work=work), True)
    if found is None:
        raise DataError(f"{path}: {lacking}")
    return found
