"""YAML files that come with a data set: read as they are written, and never for long."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from yolo3.data.faults import DataError
from yolo3.data.reading import read_text

_LARGEST = 1 << 20  # bytes; nine thousand class names need a fifth of that
_NULLS = ("", "null", "Null", "NULL")


@dataclass(frozen=True)
class Nested:
    """A list or a mapping where text belongs; what is in it is not read."""

    what: str
    """``a list`` or ``a mapping``."""

    def __repr__(self) -> str:
        return self.what


Scalar: TypeAlias = str | Nested | None
"""Text as it stands in the file, ``yes``, ``007`` and ``12:30`` too; None for nothing and for ``null``."""
Value: TypeAlias = Scalar | list[Scalar] | dict[str, Scalar]


def read_yaml(path: Path) -> dict[str, Value]:
    """The keys of a YAML file, with lists and mappings one level deep.

    Values are what is written, not what YAML makes of it (booleans, octal and sexagesimal numbers). Nothing is repeated
    where an alias says so: a file of a few bytes may say so a billion times.

    Raises:
        DataError: a file that is missing, too large, damaged, holds no keys, or one of them twice.
    """
    text = read_text(path, _LARGEST)
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DataError(f"{path}:{line}: not well-formed YAML ({error.problem}); fix the file") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not well-formed YAML ({error}); fix the file") from error
    if not isinstance(root, yaml.MappingNode):
        raise DataError(f"{path}: a data set's YAML file has keys: train, val and names")
    content: dict[str, Value] = {}
    known: dict[int, Value] = {}  # by node: what an alias repeats is made once
    for key, node in root.value:
        name = _scalar(key)
        if not isinstance(name, str):
            continue
        if name in content:
            raise DataError(f"{path}:{key.start_mark.line + 1}: key {name!r:.60} stands twice; keep one")
        if id(node) not in known:
            known[id(node)] = _value(path, node)
        content[name] = known[id(node)]
    return content


def numbered(value: Mapping[str, Scalar]) -> list[Scalar] | None:
    """The values of a mapping whose keys are 0, 1, …, in that order; None if they are not."""
    keys = {str(number): number for number in range(len(value))}
    return [value[key] for key in keys] if value.keys() == keys.keys() else None


def _value(path: Path, node: yaml.Node) -> Value:
    if isinstance(node, yaml.SequenceNode):
        return [_scalar(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        content = {str(_scalar(key)): _scalar(item) for key, item in node.value}
        if len(content) < len(node.value):
            raise DataError(f"{path}:{node.start_mark.line + 1}: a key of this mapping stands twice; keep one")
        return content
    return _scalar(node)


def _scalar(node: yaml.Node) -> Scalar:
    if not isinstance(node, yaml.ScalarNode):
        return Nested("a list" if isinstance(node, yaml.SequenceNode) else "a mapping")
    is_plain = node.style is None
    text: str = node.value
    return None if is_plain and text in _NULLS else text
