"""YAML files of a data set: values are read as written, in bounded time."""

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
    """A list or a mapping in place of text; its content is not read."""

    what: str
    """``a list`` or ``a mapping``."""

    def __repr__(self) -> str:
        return self.what


Scalar: TypeAlias = str | Nested | None
"""Text as the file has it, including ``yes``, ``007`` and ``12:30``; None for no value and for ``null``."""
Value: TypeAlias = Scalar | list[Scalar] | dict[str, Scalar]


def read_yaml(path: Path) -> dict[str, Value]:
    """The keys of a YAML file, with lists and mappings one level deep.

    Values are kept as written, not converted by YAML to booleans, octal or sexagesimal numbers. Aliases are not
    expanded: a file of a few bytes could expand to billions of values.

    Raises:
        DataError: A file that is missing, too large or damaged, or has no keys or a repeated key.
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
        raise DataError(f"{path}: the YAML file of a data set has keys: train, val and names")
    content: dict[str, Value] = {}
    known: dict[int, Value] = {}  # by node: the value of an alias is built once
    for key, node in root.value:
        name = _scalar(key)
        if not isinstance(name, str):
            continue
        if name in content:
            raise DataError(f"{path}:{key.start_mark.line + 1}: key {name!r:.60} appears twice; keep one")
        if id(node) not in known:
            known[id(node)] = _value(path, node)
        content[name] = known[id(node)]
    return content


def numbered(value: Mapping[str, Scalar]) -> list[Scalar] | None:
    """The values of a mapping with the keys 0, 1, …, in that order; None if it has other keys."""
    keys = {str(number): number for number in range(len(value))}
    return [value[key] for key in keys] if value.keys() == keys.keys() else None


def _value(path: Path, node: yaml.Node) -> Value:
    if isinstance(node, yaml.SequenceNode):
        return [_scalar(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        content = {str(_scalar(key)): _scalar(item) for key, item in node.value}
        if len(content) < len(node.value):
            raise DataError(f"{path}:{node.start_mark.line + 1}: a key of this mapping appears twice; keep one")
        return content
    return _scalar(node)


def _scalar(node: yaml.Node) -> Scalar:
    if not isinstance(node, yaml.ScalarNode):
        return Nested("a list" if isinstance(node, yaml.SequenceNode) else "a mapping")
    is_plain = node.style is None
    text: str = node.value
    return None if is_plain and text in _NULLS else text
