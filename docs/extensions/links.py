"""Links: from names in the text to the reference, and from names of other libraries to their own pages.

Intersphinx reads the inventories of those libraries. Where there is no network it takes `inventories/*.txt`, in the
first, readable format of Sphinx's inventories: the names that our signatures and pages have, each with its page.
"""

import re
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.intersphinx import InventoryAdapter
from sphinx.transforms.post_transforms import SphinxPostTransform

from extensions.public_names import documented_modules, names_of, owners

_DOCUMENTED = (  # where a library defines a name, and under which name it describes it
    (re.compile(r"nn\.(.+)"), r"torch.nn.\1"),
    (re.compile(r"torch\.nn\.modules\.\w+\.(\w+)"), r"torch.nn.\1"),
    (re.compile(r"torch\.optim\.optimizer\.(\w+)"), r"torch.optim.\1"),
    (re.compile(r"torch\.utils\.data\.\w+\.(\w+)"), r"torch.utils.data.\1"),
    (re.compile(r"numpy\.random\._generator\.(\w+)"), r"numpy.random.\1"),
    (re.compile(r"lightning\.pytorch\.Trainer"), "lightning.pytorch.trainer.trainer.Trainer"),
    (re.compile(r"lightning\.pytorch\.(core|callbacks|cli)\.\w+\.(\w+)"), r"lightning.pytorch.\1.\2"),
    (re.compile(r"Image\.Image"), "PIL.Image.Image"),
)
_NAME = re.compile(r"[A-Za-z_][\w.]*")


def documented(name: str) -> str:
    """The name under which another library describes what it defines as ``name``."""
    for defined, shown in _DOCUMENTED:
        match = defined.fullmatch(name)
        if match:
            return match.expand(shown)
    return name


def _name_as_documented(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element) -> None:
    """Intersphinx goes on from here: any kind of thing of that name will do."""
    if node.get("refdomain") == "py":
        node["reftarget"] = documented(node["reftarget"])
        node["reftype"] = "obj"


@cache
def _owners(reference: Path) -> dict[str, str]:
    """Every path of a public name, and the one under which it is described."""
    modules = documented_modules(reference)
    described = owners(modules)
    return {name.path: described[name.identity].path for module in modules for name in names_of(module)}


def _is_linked(node: nodes.Node) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.reference | nodes.title):
            return True
    return False


def _is_another_library(node: nodes.Node, page: str) -> bool:
    """Whether code stands where a page about another program has that program's names: in first columns."""
    if not page.startswith("from_"):
        return False
    while node.parent is not None and not isinstance(node, nodes.entry):
        node = node.parent
    return isinstance(node, nodes.entry) and node.parent.index(node) == 0


class LinkNames(SphinxPostTransform):
    """Code in a page that is the name of a public thing, ours or another library's, links to its description."""

    default_priority = 400

    def run(self, **_: object) -> None:
        """Wrap such literals in links."""
        known = self._known()
        for literal in list(self.document.findall(nodes.literal)):
            name = literal.astext().removesuffix("()")
            if not _NAME.fullmatch(name) or _is_linked(literal) or _is_another_library(literal, self.env.docname):
                continue
            target = known.get(name) or known.get(f"yolo3.{name}")
            if target:
                page, anchor = target
                link = self.app.builder.get_relative_uri(self.env.docname, page)
                where = f"#{anchor}" if page == self.env.docname else f"{link}#{anchor}"
                reference = nodes.reference("", "", internal=True, refuri=where)
            else:
                address = self._elsewhere(name)
                if address is None:
                    continue
                reference = nodes.reference("", "", internal=False, refuri=address)
            literal.replace_self(reference)
            reference += literal

    def _known(self) -> dict[str, tuple[str, str]]:
        """Full names, and the last parts of classes' names where only one class has it."""
        found: dict[str, tuple[str, str]] = {}
        short: dict[str, set[tuple[str, str]]] = {}
        for name, entry in self.env.get_domain("py").data["objects"].items():
            if entry.objtype in ("class", "function", "exception", "method", "data"):
                found[name] = (entry.docname, entry.node_id)
            last = name.rpartition(".")[2]
            if entry.objtype in ("class", "exception") and not entry.aliased:
                short.setdefault(last, set()).add((entry.docname, entry.node_id))
        by_last_part = {name: next(iter(where)) for name, where in short.items() if len(where) == 1}
        paths = _owners(Path(self.env.srcdir, "api"))
        other_paths = {path: found[owner] for path, owner in paths.items() if owner in found}
        return by_last_part | other_paths | found

    def _elsewhere(self, name: str) -> str | None:
        """The address of a full name of another library; a name without a dot, such as `list`, is left as it is."""
        if "." not in name:
            return None
        for kind, entries in InventoryAdapter(self.env).main_inventory.items():
            if kind.startswith("py:") and documented(name) in entries:
                return entries[documented(name)].uri
        return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Add both kinds of links."""
    app.connect("missing-reference", _name_as_documented, priority=400)  # intersphinx has 500
    app.add_post_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
