"""What Sphinx and the theme write that screen readers and keyboards stumble over, put right in each page."""

import re

from sphinx.application import Sphinx

_REPAIRS = (
    # a heading without a level
    ('<p class="caption" role="heading">', '<p class="caption" role="heading" aria-level="2">'),
    # parameters of a long signature: definitions without terms
    ("<dl>\n<dd><em", '<dl role="list">\n<dd><em'),
    ('<dd><em class="sig-param">', '<dd role="listitem"><em class="sig-param">'),
    # what scrolls on a narrow screen must be reached by the keyboard
    ('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper'),
    ('<div class="math-wrapper', '<div tabindex="0" class="math-wrapper'),
    ('<div class="highlight"><pre>', '<div class="highlight"><pre tabindex="0">'),
)


def repaired(html: str) -> str:
    """HTML with all repairs made."""
    for wrong, right in _REPAIRS:
        html = html.replace(wrong, right)
    return html


def _repair(app: Sphinx, page: str, template: str, context: dict[str, object], doctree: object) -> None:
    if page.startswith("_modules/"):  # a name that has several paths is described under one, and leads back to another
        context["body"] = re.sub(r'<a class="viewcode-back".*?</a>', "", str(context["body"]))
    for part in ("body", "furo_navigation_tree"):
        if isinstance(context.get(part), str):
            context[part] = repaired(str(context[part]))


def _own_module(app: Sphinx, module: str, attribute: str) -> str | None:
    """The page of the source of a constant or field: it is no class or function, which know where they come from."""
    value: object = __import__(module, fromlist=["_"])
    for part in attribute.split("."):
        value = getattr(value, part, None)
    return None if str(getattr(value, "__module__", "")).startswith("yolo3") else module


def setup(app: Sphinx) -> dict[str, bool]:
    """Repair each page after the theme has had its turn."""
    app.connect("html-page-context", _repair, priority=900)
    app.connect("viewcode-follow-imported", _own_module)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
