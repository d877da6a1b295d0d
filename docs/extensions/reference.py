"""The directive that describes the public names of a module, by the path that users import."""

import ast
import inspect
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from extensions.public_names import (
    PublicName,
    description_of_data,
    documented_modules,
    home_of_data,
    names_of,
    owners,
)

_LONGEST_VALUE = 160  # characters of a constant's value that are shown


class PublicNames(SphinxDirective):
    """``.. public-names:: yolo3.assign``: the first paragraph of the module's docstring, then each of its names."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Describe the names that have their path here, and link to the others."""
        module = self.arguments[0]
        described = owners(documented_modules(Path(self.env.srcdir, "api")))
        here, elsewhere = [], []
        for name in names_of(module):
            owner = described[name.identity]
            (here if owner.path == name.path else elsewhere).append(owner)
        lines = [f".. py:module:: {module}", "", *_summary(module), ""]
        if elsewhere:
            links = ", ".join(f":py:obj:`{name.name} <{name.path}>`" for name in elsewhere)
            lines += [f"Also here: {links}.", ""]
        for name in here:
            lines += [*_directive(name), ""]
        return self.parse_text_to_nodes(StringList(lines, source=module))


def _summary(module: str) -> list[str]:
    text = inspect.getdoc(__import__(module, fromlist=["_"])) or ""
    return text.split("\n\n")[0].splitlines()


def _directive(name: PublicName) -> list[str]:
    if isinstance(name.value, type):
        return [f".. autoclass:: {name.path}", "   :members:"]
    if inspect.isfunction(name.value):
        return [f".. autofunction:: {name.path}"]
    _, value = home_of_data(name.module, name.name)
    shown = "" if value is None else ast.unparse(value)
    lines = [f".. py:data:: {name.name}"]
    if shown and len(shown) <= _LONGEST_VALUE:
        lines.append(f"   :value: {shown}")
    return [*lines, "", *(f"   {line}" for line in description_of_data(name))]


def _keep_colons(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Napoleon takes what stands before a colon in the first line of an attribute for its type; ours are sentences.

    So the first line becomes an empty comment. The same holds for what a function returns or yields, where an empty
    type is put before the text: types stand in signatures.
    """
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]
    for number, line in enumerate(lines[:-1]):
        if line.strip() in ("Returns:", "Yields:"):  # what stands before the first colon is the type; ours is empty
            text = lines[number + 1].lstrip()
            indent = len(lines[number + 1]) - len(text)
            lines[number + 1] = f"{' ' * indent}: {text}"


def name_defaults(signature: str) -> str:
    """A signature whose defaults that are functions are names: Sphinx cannot read what Python prints of a function."""
    return re.sub(r"<function (\w+)[^>]*>", r"\1", signature)


def _name_defaults(
    app: Sphinx, what: str, name: str, thing: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    return signature and name_defaults(signature), returned


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("public-names", PublicNames)
    app.connect("autodoc-process-signature", _name_defaults)
    app.connect("autodoc-process-docstring", _keep_colons, priority=400)  # napoleon has 500
    return {"parallel_read_safe": True, "parallel_write_safe": True}
