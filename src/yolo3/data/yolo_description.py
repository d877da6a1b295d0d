"""The file that describes a YOLO data set: ``data.yaml`` of today, or Darknet's ``obj.data``."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from yolo3.data.faults import DataError
from yolo3.data.reading import check_names, read_names, read_text

_SPLITS = ("train", "val", "valid", "test")


@dataclass(frozen=True)
class YoloDescription:
    """Where the pictures of a data set are, and what its classes are called."""

    path: Path
    """Of ``data.yaml`` or ``obj.data``."""
    roots: list[Path]
    """The folders that its paths may be relative to, likeliest first."""
    names: tuple[str, ...]
    """The name of every class."""
    splits: dict[str, list[str]]
    """A split's pictures: lists of them, folders, patterns or files."""
    min_score: float | None = None
    """Where it is given, the lines of labels end in a score, and objects that score less are left out."""


def description_files(folder: Path) -> list[Path]:
    """Every file in a folder that may be a description."""
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml"), *folder.glob("*.data")])


def _description_file(path: Path) -> Path:
    if path.is_file():
        return path
    found = description_files(path)
    for file in found:
        if len(found) == 1 or file.name == "data.yaml":
            return file
    some = " and ".join(file.name for file in found) or "no description"
    raise DataError(f"{path}: {some} there; give the path of one data.yaml or obj.data")


def describe(path: Path) -> YoloDescription:
    """Read a description, given its path or its folder's.

    Raises:
        DataError: no such file, a file that is malformed, has no names, or names that are not as many as it says.
    """
    path = _description_file(path)
    content = _darknet_keys(path) if path.suffix == ".data" else _yaml_keys(path)
    roots = [path.parent]
    if path.suffix != ".data" and content.get("path"):
        roots.insert(0, path.parent / str(content["path"]))
    names = _names(path, content.get("names"), roots)
    count = content.get("nc", content.get("classes"))
    if count is not None and str(count) != str(len(names)):
        raise DataError(f"{path}: {count} classes but {len(names)} names; mend the one or the other")
    splits = {}
    for key, value in content.items():
        entries = [str(entry) for entry in (value if isinstance(value, list) else [value]) if entry]
        if entries and (key in _SPLITS or (key != "names" and all(entry.endswith(".txt") for entry in entries))):
            splits[str(key)] = entries
    return YoloDescription(path, roots, names, splits, _min_score(path, content.get("min_score")))


def _yaml_keys(path: Path) -> dict[str, Any]:
    text = read_text(path)
    try:
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DataError(f"{path}:{line}: not well-formed YAML ({error.problem}); mend the file") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # as for a month 13
        raise DataError(f"{path}: not well-formed YAML ({error}); mend the file") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: a data set's YAML file has keys: train, val and names")
    return content


def _darknet_keys(path: Path) -> dict[str, Any]:
    content = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        key, equals, value = line.partition("=")
        if equals:
            content[key.strip()] = value.strip()
        elif line.strip() and not line.lstrip().startswith(("#", ";")):
            raise DataError(f"{path}:{number}: {line.strip()!r} is not a line of key = value")
    return content


def _names(path: Path, value: object, roots: Sequence[Path]) -> tuple[str, ...]:
    if isinstance(value, str) and value:  # Darknet: a file of them
        file = locate(value, roots)
        if file is None:
            raise DataError(f"{path}: no file of names {value}, nor one of that name beside it")
        return read_names(file)
    if isinstance(value, dict) and sorted(value, key=str) == sorted(range(len(value)), key=str):
        value = [value[number] for number in range(len(value))]
    if not isinstance(value, list):
        raise DataError(f"{path}: 'names' must be a list of the class names, or number them 0, 1, …; it is {value!r}")
    check_names([str(name) for name in value], str(path))
    return tuple(str(name) for name in value)


def _min_score(path: Path, value: object) -> float | None:
    if value is None:
        return None
    try:
        score = float(str(value))
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise DataError(f"{path}: min_score is {value!r}; it is the lowest score of an object to learn from, 0 to 1")
    return score


def locate(entry: str, roots: Sequence[Path]) -> Path | None:
    """The file or folder that is meant by a path, which may be relative to another folder than the roots.

    The path as it stands comes first; then it loses its leading folders, one after the other.
    """
    parts = Path(entry).parts
    for start in range(len(parts)):
        for root in roots:
            candidate = root.joinpath(*parts[start:])  # an absolute path stays what it is
            if os.path.exists(candidate):  # the method of Path refuses names that no file can have
                return candidate
    return None
