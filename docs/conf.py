"""Sphinx: the documents as a site. ``make docs``; warnings are errors there."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))
sys.path.insert(0, str(_HERE))

from generate import write_reference  # noqa: E402 - found only after the line above

project = "Quantum-HPC mini-apps"
copyright = "the authors, Apache-2.0"  # noqa: A001 - Sphinx's name
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "img"]
html_theme = "furo"
html_title = project
smartquotes = False  # options keep their two dashes
html_show_sphinx = False
html_copy_source = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = True
napoleon_google_docstring = False

write_reference(_HERE / "reference")
