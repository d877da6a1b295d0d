"""The documentation site: `sphinx-build -W docs site`."""

import gc
import sys
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

import yolo3

sys.path.insert(0, str(Path(__file__).parent))

project = "yolo3"
author = "The yolo3 developers"
copyright = "2026, The yolo3 developers"
release = yolo3.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "extensions.reference",
    "extensions.accessible",
    "extensions.house",
    "extensions.inline",
    "extensions.links",
    "extensions.notebooks",
    "figures.directive",
]
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["formulas.css", "site.css"]
html_title = f"yolo3 {release}"
exclude_patterns = ["README.md", "inventories"]
copybutton_prompt_text = "$ "  # is not copied
copybutton_copy_empty_lines = False
default_role = "literal"  # `name` in a docstring reads as code
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the outputs are those that `scripts/notebooks.py` has stored
html_math_renderer = "mathml"  # browsers show it as it is; the usual renderers fetch a program from elsewhere

intersphinx_mapping = {  # without a network, the names that we use
    name: (address, (None, f"inventories/{name}.txt"))
    for name, address in {
        "python": "https://docs.python.org/3/",
        "torch": "https://docs.pytorch.org/docs/stable/",
        "numpy": "https://numpy.org/doc/stable/",
        "lightning": "https://lightning.ai/docs/pytorch/stable/",
        "pillow": "https://pillow.readthedocs.io/en/stable/",
    }.items()
}
intersphinx_timeout = 10  # seconds

autodoc_typehints = "signature"
autodoc_preserve_defaults = True  # COCO_ANCHORS, not its eighteen numbers
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_custom_sections = [("Source", "notes_style")]
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def setup(app: Sphinx) -> None:
    """Write formulas as MathML, and spare the pages, which stay in memory, most looks of the garbage collector."""
    gc.set_threshold(100_000, 20, 100)  # with the usual (700, 10, 10) it takes 39 of 88 seconds of CPU of a build
    app.add_html_math_renderer("mathml", (_inline_formula, None), (_formula, None))


def _inline_formula(page: HTML5Translator, node: nodes.math) -> None:
    page.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _formula(page: HTML5Translator, node: nodes.math_block) -> None:
    """Parts of a line, between wide spaces, may stand below each other on a narrow screen."""
    parts = "".join(convert(part, display="block") for part in node.astext().split(r"\qquad"))
    page.body.append(f'<div class="formulas">{parts}</div>')
    raise nodes.SkipNode
