"""Which names are public, and under which path each is described.

A page of the reference lists modules: ``.. public-names:: yolo3.assign``. Each name of such a module is described once,
under the path that the module nearest to the root gives it; the other modules that offer it link to that.
"""

import ast
import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from sphinx.pycode import ModuleAnalyzer

_DIRECTIVE = re.compile(r"^\.\. public-names:: (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class PublicName:
    """A name that users import from a module."""

    module: str
    name: str
    value: object

    @property
    def path(self) -> str:
        """Full name, as it is imported."""
        return f"{self.module}.{self.name}"

    @property
    def identity(self) -> object:
        """What two paths to the same thing have in common."""
        is_defined = isinstance(self.value, type) or callable(self.value)
        return id(self.value) if is_defined else (self.name, home_of_data(self.module, self.name)[0])


def documented_modules(folder: Path) -> list[str]:
    """Modules that the pages of a folder describe, those nearest to the root first."""
    found = [name for page in sorted(folder.glob("*.md")) for name in _DIRECTIVE.findall(page.read_text("utf-8"))]
    return sorted(found, key=lambda name: name.count("."))


def names_of(module: str) -> list[PublicName]:
    """Public names of a module: its ``__all__``, or else what it defines itself without an underscore."""
    home = import_module(module)
    names = getattr(home, "__all__", None) or _defined_in(module)
    return [PublicName(module, name, getattr(home, name)) for name in names]


def owners(modules: list[str]) -> dict[object, PublicName]:
    """The path under which each public thing is described."""
    found: dict[object, PublicName] = {}
    for module in modules:
        for name in names_of(module):
            found.setdefault(name.identity, name)
    return found


@cache
def home_of_data(module: str, name: str) -> tuple[str, ast.expr | None]:
    """The module that assigns a name, and what it assigns: a constant does not know where it comes from."""
    for node in ast.walk(_source(module)):
        if isinstance(node, ast.ImportFrom) and name in {alias.asname or alias.name for alias in node.names}:
            return home_of_data(str(node.module), name)
    lazy = getattr(import_module(module), "_HOMES", {})
    for home, names in lazy.items():
        if name in names:
            return home_of_data(home, name)
    return module, _assigned(module).get(name)


def description_of_data(name: PublicName) -> list[str]:
    """The string under the assignment of a constant or type alias."""
    home, _ = home_of_data(name.module, name.name)
    analyzer = ModuleAnalyzer.for_module(home)
    return analyzer.find_attr_docs().get(("", name.name), [])


def _source(module: str) -> ast.Module:
    return ast.parse(Path(str(import_module(module).__file__)).read_text("utf-8"))


def _assigned(module: str) -> dict[str, ast.expr]:
    found = {}
    for node in _source(module).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and getattr(node, "value", None) is not None:
                found[target.id] = node.value
    return found


def _defined_in(module: str) -> list[str]:
    described = ModuleAnalyzer.for_module(module).find_attr_docs()
    names = [
        node.name
        for node in _source(module).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    ]
    constants = [name for name in _assigned(module) if not name.startswith("_") and ("", name) in described]
    return [*constants, *names]
