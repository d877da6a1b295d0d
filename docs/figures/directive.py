"""``{drawing} grid.cells`` and ``{picture} gallery.sheet`` in a page: what this function draws, in the page itself.

An SVG in the page takes the colours of its light or dark scheme, which a linked file could not see.
"""

import base64
import io
from html import escape
from importlib import import_module
from typing import Any

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from figures.svg import Panel

_WIDEST = 800  # pixels of an image


class Drawing(SphinxDirective):
    """A figure with its caption."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Draw the panels; the content of the directive is the caption."""
        drawn = "".join(panel.svg() for panel in panels_of(self.arguments[0]))
        figure = nodes.figure(classes=["drawing"])
        figure += nodes.raw("", f'<div class="panels">{drawn}</div>', format="html")
        if self.content:
            words = nodes.Element()
            self.state.nested_parse(self.content, self.content_offset, words)
            caption = nodes.caption("", "", *(child for part in words.children for child in part.children))
            figure += caption
        return [figure]


class Picture(SphinxDirective):
    """An image of pixels; the content of the directive says in words what it shows."""

    required_arguments = 1
    optional_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Draw it. ``chart`` after the name says that its white is paper, which is dark on dark pages."""
        words = escape(" ".join(self.content))
        kind = "picture chart" if self.arguments[1:] == ["chart"] else "picture"
        image = f'<img class="{kind}" alt="{words}" src="{_as_uri(drawn(self.arguments[0]))}"/>'
        return [nodes.raw("", image, format="html")]


def panels_of(name: str) -> list[Panel]:
    """The panels of a figure, such as ``grid.cells``."""
    return drawn(name)


def drawn(name: str) -> Any:
    """What a function such as ``grid.cells`` draws."""
    module, _, function = name.partition(".")
    return getattr(import_module(f"figures.{module}"), function)()


def _as_uri(image: Image.Image) -> str:
    shown = image.copy()
    shown.thumbnail((_WIDEST, _WIDEST), Image.Resampling.LANCZOS)
    stored = io.BytesIO()
    shown.save(stored, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(stored.getvalue()).decode()}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives and their style."""
    app.add_directive("drawing", Drawing)
    app.add_directive("picture", Picture)
    app.add_css_file("figures.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
