"""SVG files of `images` stand in the page itself, where their named colours are those of its light or dark scheme.

On a code host the same file is an image of its own, and has the colours that it names second.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


def inlined(svg: str, words: str) -> str:
    """An SVG with a description, to stand in a page."""
    described = re.sub("^<svg ", f'<svg role="img" aria-label="{escape(words)}" ', svg.strip())
    return f'<div class="inlined" tabindex="0">{described}</div>'


class InlineDrawings(SphinxPostTransform):
    """Images that are SVG files become part of the page."""

    default_priority = 100
    formats = ("html",)

    def run(self, **_: object) -> None:
        """Replace such images."""
        for image in list(self.document.findall(nodes.image)):
            file = Path(self.env.srcdir, image["uri"])
            if file.suffix == ".svg" and file.is_file():
                svg = inlined(file.read_text("utf-8"), image.get("alt", ""))
                image.replace_self(nodes.raw("", svg, format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform."""
    app.add_post_transform(InlineDrawings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
