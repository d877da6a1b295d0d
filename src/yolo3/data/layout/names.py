"""The class names of a data set whose annotations have numbers, or do not tell the order of their names."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolo3.data.descriptions import numbered, read_yaml
from yolo3.data.faults import DataError
from yolo3.data.layout.contents import Contents
from yolo3.data.listing import visible
from yolo3.data.reading import check_names, read_names, read_text

_LIST = "classes.txt"
_LARGEST = 1 << 20  # bytes of a notes.json


@dataclass(frozen=True)
class FoundNames:
    """Class names, in order."""

    names: tuple[str, ...]
    origin: str
    """File that has them, or a description of where else they are from; empty if the user gave them."""


def find_names(contents: Contents, more: Sequence[str] = (), is_numbered: bool = True) -> FoundNames | None:
    """The class names that a file of the data set lists; None if there is no such file.

    Args:
        contents: Files of the data set.
        more: Further file names, in lower case, that hold class names, one per line.
        is_numbered: Whether annotations have numbers in place of names. Then a file in the folder above counts too.

    Raises:
        DataError: Files with different names; a file that cannot be read.
    """
    inside = [file for files in contents.files.values() for file in files]
    outside = map(str, visible(contents.root.absolute().parent, "*")) if is_numbered else ()
    for files in (inside, outside):
        found = [FoundNames(names, file) for file in sorted(files) if (names := _names_in(file, more))]
        if not found:
            continue
        first = found[0]
        for other in found[1:]:
            if other.names != first.names:
                text = f"the class names may be those of {first.origin} or of {other.origin}"
                raise DataError(f"{contents.path}: {text}; choose a file with --names (names=)")
        return first
    return None


def _names_in(file: str, more: Sequence[str]) -> tuple[str, ...] | None:
    name = os.path.basename(file).casefold()
    suffix = os.path.splitext(name)[1]
    if suffix == ".names" or name == _LIST or name in more:
        return read_names(Path(file))
    if suffix in (".yaml", ".yml"):
        return _of_yaml(Path(file))
    if name == "notes.json":
        return _of_notes(Path(file))
    return None


def _of_yaml(path: Path) -> tuple[str, ...] | None:
    """The ``names`` of a YAML file; None if it is another file."""
    try:
        value = read_yaml(path).get("names")
    except DataError:
        return None
    names = numbered(value) if isinstance(value, dict) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    found = tuple(str(name) for name in names)
    check_names(found, str(path))
    return found


def _of_notes(path: Path) -> tuple[str, ...] | None:
    """The ``categories`` of the file that Label Studio adds to a YOLO export; None if it is another file."""
    try:
        entries = json.loads(read_text(path, _LARGEST))["categories"]
        named = {int(entry["id"]): str(entry["name"]) for entry in entries}
    except (DataError, ValueError, KeyError, TypeError):
        return None
    found = tuple(named[number] for number in sorted(named))
    if sorted(named) != list(range(len(named))):
        raise DataError(f"{path}: the ids of the categories are {sorted(named)!s:.80}; number them from 0")
    check_names(found, str(path))
    return found
