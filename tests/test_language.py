"""Descriptions that stand alone: no parameter or field is explained by a fragment that leans on its name."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import yolo3

_LEANING = frozenset(
    {
        *("about", "above", "after", "as", "at", "before", "below", "beside", "between", "by", "during", "for", "from"),
        *("in", "into", "of", "off", "on", "onto", "over", "see", "than", "that", "through", "to", "under", "until"),
        *("what", "which", "whose", "with", "within", "without"),
    }
)
_ENTRY = re.compile(r"^(?P<indent> *)\*{0,2}(?P<name>\w+)(?: \([^)]*\))?: (?P<first>\S+)")


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node.lineno, text


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    """The name and the first word of every entry under ``Args`` and ``Attributes``."""
    section, depth = "", 0
    for line in text.splitlines():
        if re.fullmatch(r"[A-Z][a-z]+:", line):
            section, depth = line, 0
            continue
        entry = _ENTRY.match(line)
        if section not in ("Args:", "Attributes:") or not entry:
            continue
        depth = depth or len(entry["indent"])
        if len(entry["indent"]) == depth:
            yield entry["name"], entry["first"]


def _fields(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """The line, name and first word of every string under an annotated name."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for one, other in pairwise(body) if isinstance(body, list) else ():
            if not isinstance(one, ast.AnnAssign | ast.Assign) or not isinstance(other, ast.Expr):
                continue
            if isinstance(other.value, ast.Constant) and isinstance(other.value.value, str):
                name = ast.unparse(one.target if isinstance(one, ast.AnnAssign) else one.targets[0])
                yield other.lineno, name, other.value.value.split()[0]


def fragments(folder: Path) -> list[str]:
    """Every description in a package that begins with a word that leans on the name before it."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        entries = [(line, *entry) for line, text in _docstrings(tree) for entry in _parameters(text)]
        for line, name, first in [*entries, *_fields(tree)]:
            if first.strip(".,:;()").lower() in _LEANING:
                found.append(f"{path.relative_to(folder)}:{line}: {name}: {first} ...")
    return found


def test_descriptions_stand_alone() -> None:
    assert fragments(Path(yolo3.__file__).parent) == []


def test_a_fragment_is_found(tmp_path: Path) -> None:
    text = '''
class A:
    """A thing.

    Args:
        size: of the thing.
        name: Name of the thing.
    """

    size: int
    """Of the thing."""
    name: str
    """Name of it."""
'''
    (tmp_path / "a.py").write_text(text, encoding="utf-8")
    assert fragments(tmp_path) == ["a.py:2: size: of ...", "a.py:11: size: Of ..."]
