"""The notebooks of `examples` as pages, with the outputs that are stored in them: the build runs none.

Sphinx reads pages from its own folder only, so they are copied to `notebooks` there, which git ignores. A link to a
notebook is written as a code host shows it, `../../examples/learn_loss.ipynb`, and leads to the page here.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

EXAMPLES = Path(__file__).parents[2] / "examples"
_TO_A_NOTEBOOK = re.compile(r"\]\((?:\.\./)+examples/(\w+\.ipynb)\)")
_TO_A_PAGE = re.compile(r"\]\(\.\./docs/")


def copy(notebooks: Path, pages: Path) -> None:
    """Put every notebook of a folder into another one, with its links as they are from there; remove what is gone."""
    pages.mkdir(exist_ok=True)
    for page in pages.glob("*.ipynb"):
        if not (notebooks / page.name).is_file():
            page.unlink()
    for notebook in sorted(notebooks.glob("*.ipynb")):
        text = _TO_A_PAGE.sub("](../", notebook.read_text("utf-8"))
        page = pages / notebook.name
        if not page.is_file() or page.read_text("utf-8") != text:  # Sphinx reads again what is new
            page.write_text(text, "utf-8")


def led_to_pages(markdown: str) -> str:
    """The text of a page whose links to notebooks lead to their pages."""
    return _TO_A_NOTEBOOK.sub(r"](/notebooks/\1)", markdown)


def _copy(app: Sphinx, config: Config) -> None:
    copy(EXAMPLES, Path(app.srcdir, "notebooks"))


def _lead_to_pages(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = led_to_pages(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Copy before the pages are listed, and change links before one is read."""
    app.connect("config-inited", _copy)
    app.connect("source-read", _lead_to_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
