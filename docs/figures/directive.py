"""``{drawing} grid.cells`` in a page: the figure that this function draws, in the page itself.

An SVG in the page takes the colours of its light or dark scheme, which a linked file could not see.
"""

from importlib import import_module

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from figures.svg import Panel


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


def panels_of(name: str) -> list[Panel]:
    """The panels of a figure, such as ``grid.cells``."""
    module, _, function = name.partition(".")
    return getattr(import_module(f"figures.{module}"), function)()


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive and its style."""
    app.add_directive("drawing", Drawing)
    app.add_css_file("figures.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
