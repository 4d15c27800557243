"""How the documentation is built: `nox -s docs`, where a warning is an error."""

import sys
from pathlib import Path

from kiq_trio import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "kiq_trio"
author = "The kiq_trio developers"
project_copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "cli_tables",
    "key_tables",
    "long_code",
    "option_tables",
    "place_tables",
    "retry_table",
]
# The second is included where it is shown.
exclude_patterns = ["_build", "measured"]
myst_heading_anchors = 3

# What is typed into a terminal must not be turned into typography.
smartquotes = False

# Docstrings say `name` for what is code; where it is documented, it is a link.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
# Or the parameter `in_` would lose its last letter.
strip_signature_backslash = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"kiq_trio {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["tables.css"]
