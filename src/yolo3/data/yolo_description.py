"""The file that describes a YOLO data set: ``data.yaml``, or Darknet's ``obj.data``."""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolo3.data.descriptions import Nested, Value, numbered, read_yaml
from yolo3.data.faults import DataError
from yolo3.data.listing import visible
from yolo3.data.locating import Locator
from yolo3.data.reading import check_names, read_names, read_text
from yolo3.data.split_names import is_split_word

DESCRIPTION_SUFFIXES = (".yaml", ".yml", ".data")
_NOTHING = ("", "~", "false", "False", "FALSE")  # values of a split without images


@dataclass(frozen=True)
class YoloDescription:
    """The paths of the images of a data set, and the names of its classes."""

    path: Path
    """Path of the ``data.yaml`` or ``obj.data``."""
    roots: list[Path]
    """Folders that its paths may be relative to, likeliest first."""
    names: tuple[str, ...]
    """Class names, in order."""
    splits: dict[str, list[str]]
    """Entries of each split: lists of images, folders, patterns or files."""
    locator: Locator
    """Finds the files of the data set."""
    min_score: float | None = None
    """Lowest score of an object that is read, if label lines end in a score; None if they do not."""
    keypoints: tuple[int, int] | None = None
    """Number of keypoints, and of numbers for each, if label lines have a box and these; None if they do not."""


def description_files(folder: Path) -> list[Path]:
    """Files in a folder that may be a description."""
    return visible(folder, *(f"*{suffix}" for suffix in DESCRIPTION_SUFFIXES))


def _description_file(path: Path) -> Path:
    if path.is_file():
        return path
    found = description_files(path)
    for file in found:
        if len(found) == 1 or file.name == "data.yaml":
            return file
    some = " and ".join(file.name for file in found) or "no description"
    raise DataError(f"{path}: {some} there; give the path of one data.yaml or obj.data")


def describe(path: Path, allow_outside: bool = False) -> YoloDescription:
    """Read a description, given its path or its folder's.

    Args:
        path: Path of a ``data.yaml`` or ``obj.data``, or of its folder.
        allow_outside: Read files outside that folder too.

    Raises:
        DataError: No such file; a file that is malformed or has no class names, or whose names differ in number from
            the stated count.
    """
    path = _description_file(path)
    content = _darknet_keys(path) if path.suffix == ".data" else read_yaml(path)
    locator = Locator(path.parent, allow_outside)
    roots = [path.parent]
    root = content.get("path")
    if path.suffix != ".data" and isinstance(root, str) and root not in _NOTHING:
        roots.insert(0, path.parent / root.replace("\\", "/"))
    names = _names(path, content.get("names"), roots, locator)
    count = content.get("nc", content.get("classes"))
    if isinstance(count, str) and count != str(len(names)):
        raise DataError(f"{path}: {count} classes but {len(names)} names; fix one of them")
    min_score = _min_score(path, content.get("min_score"))
    keypoints = _keypoints(path, content.get("kpt_shape"))
    return YoloDescription(path, roots, names, _splits(path, content), locator, min_score, keypoints)


def may_describe(path: Path) -> bool:
    """Whether a file seems to describe a data set: it names splits, or it is damaged, so that reading it tells why."""
    try:
        return path.suffix == ".data" or bool(_splits(path, read_yaml(path)))
    except DataError:
        return True


def _splits(path: Path, content: Mapping[str, Value]) -> dict[str, list[str]]:
    """The keys with images: those named like splits, and others whose values are lists."""
    splits = {}
    for key, value in content.items():
        items = value if isinstance(value, list) else [value]
        entries = [item for item in items if isinstance(item, str) and item not in _NOTHING]
        if is_split_word(key) and (isinstance(value, dict) or any(isinstance(item, Nested) for item in items)):
            raise DataError(f"{path}: {key!r} must be a path or a list of paths; it is {_shown(value)}")
        if entries and (is_split_word(key) or (key != "names" and all(entry.endswith(".txt") for entry in entries))):
            splits[key] = entries
    return splits


def _darknet_keys(path: Path) -> dict[str, Value]:
    content: dict[str, Value] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        key, equals, value = line.partition("=")
        if equals:
            content[key.strip()] = value.strip()
        elif line.strip() and not line.lstrip().startswith(("#", ";")):
            raise DataError(f"{path}:{number}: {line.strip()!r} is not a line of key = value")
    return content


def _names(path: Path, value: Value, roots: Sequence[Path], locator: Locator) -> tuple[str, ...]:
    if isinstance(value, str) and value:  # Darknet: a file of them
        try:
            file = locator.locate(value, roots)
        except DataError as error:
            raise DataError(f"{path}: names: {error}") from error
        if file is None:
            raise DataError(f"{path}: no file of names {value}, nor one of that name beside it")
        return read_names(Path(file.path))
    names = numbered(value) if isinstance(value, dict) else value
    if not isinstance(names, list):
        raise DataError(
            f"{path}: 'names' must be a list of the class names, or number them 0, 1, …; it is {_shown(value)}"
        )
    for number, name in enumerate(names):
        if not isinstance(name, str):
            what = "nothing" if name is None else repr(name)
            raise DataError(f"{path}: the name of class {number} must be text, not {what}; put it in quotes")
    known = [name for name in names if isinstance(name, str)]
    check_names(known, str(path))
    return tuple(known)


def _min_score(path: Path, value: Value) -> float | None:
    if value is None:
        return None
    try:
        score = float(str(value))
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise DataError(f"{path}: min_score is {value}; it must lie in [0, 1]")
    return score


def _keypoints(path: Path, value: Value) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(str(item).isdecimal() for item in value):
        raise DataError(f"{path}: kpt_shape must be two whole numbers, such as [17, 3]; it is {_shown(value)}")
    return int(str(value[0])), int(str(value[1]))


def _shown(value: Value) -> str:
    """A value as Python would show it, with numeric keys as whole numbers."""
    if isinstance(value, dict):
        value = {int(key) if key.isdecimal() else key: item for key, item in value.items()}  # type: ignore[misc]
    return reprlib.repr(value)  # an alias may repeat in it many times
