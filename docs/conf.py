"""How the documentation site is built: `make site`, then `site/index.html`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from keras_astro import __version__  # noqa: E402

project = "keras-astro"
author = "The keras-astro developers"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "reference",
]
html_theme = "furo"
html_title = f"keras-astro {version}"
html_show_copyright = False
html_copy_source = False

# Pages are Markdown that also reads well on a code host; headings are link targets.
myst_heading_anchors = 4
# The import rule forbids bare `tuning` and `exports`, so modules are named as imported.
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
# Docstrings quote code in single backticks.
default_role = "code"
napoleon_numpy_docstring = False
# Attributes of data classes are described once, where they are declared.
napoleon_use_ivar = True
# Classes of Keras describe themselves by whole pages of their own.
autodoc_inherit_docstrings = False
# Options of the command line keep their two hyphens.
smartquotes = False
# Two classes of one name are told apart by the page that they are on.
suppress_warnings = ["ref.python"]
