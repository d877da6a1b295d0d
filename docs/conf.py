"""The documentation site: `sphinx-build -W docs site`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import drawings

import yolo3

drawings.draw_all(Path(__file__).parent / "images")

project = "yolo3"
author = "The yolo3 developers"
copyright = "2026, The yolo3 developers"
release = yolo3.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = "yolo3"
exclude_patterns = ["README.md"]
default_role = "literal"  # `name` in a docstring reads as code
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_class_signature = "mixed"
napoleon_custom_sections = [("Source", "notes_style")]
napoleon_google_docstring = True
napoleon_numpy_docstring = False
