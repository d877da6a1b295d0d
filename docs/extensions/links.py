"""Links: from names in the text to the reference, and from types of other libraries to their own pages.

Intersphinx would ask each library's site for an inventory at every build. These pages are built without a network, so
the addresses of the few types that our signatures name are stated here.
"""

import builtins
import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform

_TORCH = "https://docs.pytorch.org/docs/stable"
_CALLBACKS = "https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks"
_PYTHON = "https://docs.python.org/3/library"
_PAGES = {
    "torch.Tensor": f"{_TORCH}/tensors.html",
    "torch.device": f"{_TORCH}/tensor_attributes.html",
    "torch.dtype": f"{_TORCH}/tensor_attributes.html",
    "torch.optim.Optimizer": f"{_TORCH}/optim.html",
    "torch.optim.optimizer.Optimizer": f"{_TORCH}/optim.html",
    "numpy.ndarray": "https://numpy.org/doc/stable/reference/generated/numpy.ndarray.html",
    "PIL.Image.Image": "https://pillow.readthedocs.io/en/stable/reference/Image.html",
    "pathlib.Path": f"{_PYTHON}/pathlib.html",
    "datetime.timedelta": f"{_PYTHON}/datetime.html",
    "typing.Any": f"{_PYTHON}/typing.html",
    "typing.Protocol": f"{_PYTHON}/typing.html",
}
_FAMILIES = (  # the longest beginning that fits decides
    (re.compile(r"torch\.nn\.modules\.\w+\.(\w+)"), _TORCH + "/generated/torch.nn.{0}.html"),
    (re.compile(r"(torch\.nn\.\w+)"), _TORCH + "/generated/{0}.html"),
    (re.compile(r"torch\.utils\.data\..*"), _TORCH + "/data.html"),
    (
        re.compile(r"lightning\.pytorch\.callbacks\.(?:\w+\.)?(\w+)"),
        _CALLBACKS + ".{0}.html",
    ),
    (re.compile(r"(?:collections\.)?abc\.\w+|collections\.abc\.\w+"), _PYTHON + "/collections.abc.html"),
)
_NAME = re.compile(r"(?:yolo3\.)?[A-Za-z_][\w.]*")


def address(name: str) -> str | None:
    """The page that describes a type of another library."""
    if name in _PAGES:
        return _PAGES[name]
    if isinstance(getattr(builtins, name, None), type):
        is_error = issubclass(getattr(builtins, name), BaseException)
        return f"{_PYTHON}/exceptions.html" if is_error else f"{_PYTHON}/stdtypes.html"
    for pattern, page in _FAMILIES:
        match = pattern.fullmatch(name)
        if match:
            return page.format(*match.groups())
    return None


def _elsewhere(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element) -> nodes.reference | None:
    page = address(node.get("reftarget", "")) if node.get("refdomain") == "py" else None
    if page is None:
        return None
    return nodes.reference("", "", text, internal=False, refuri=page, reftitle=node["reftarget"])


def _is_linked(node: nodes.Node) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.reference | nodes.title):
            return True
    return False


class LinkNames(SphinxPostTransform):
    """Code in a page that is the name of a public class or function links to its description."""

    default_priority = 400

    def run(self, **_: object) -> None:
        """Wrap such literals in links."""
        known = self._known()
        for literal in list(self.document.findall(nodes.literal)):
            name = literal.astext().removesuffix("()")
            if not _NAME.fullmatch(name) or _is_linked(literal):
                continue
            target = known.get(name) or known.get(f"yolo3.{name}")
            if target:
                page, anchor = target
                link = self.app.builder.get_relative_uri(self.env.docname, page)
                where = f"#{anchor}" if page == self.env.docname else f"{link}#{anchor}"
                reference = nodes.reference("", "", internal=True, refuri=where)
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
        return {name: next(iter(where)) for name, where in short.items() if len(where) == 1} | found


def setup(app: Sphinx) -> dict[str, bool]:
    """Add both kinds of links."""
    app.connect("missing-reference", _elsewhere)
    app.add_post_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
