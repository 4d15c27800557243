"""Marks code in which a line may break: long names, such as those of tests.

The style sheet `_static/tables.css` keeps all other code in one piece, so that no
option is torn at its hyphens.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

LONGEST = 12
"""A name of so many characters has room on any screen, whatever stands beside it."""


def may_break(text: str) -> bool:
    """Whether a line may break inside of a word of *text*."""
    words = [word for word in text.split() if not word.startswith("-")]
    return any(len(word) > LONGEST for word in words)


def mark(app: Sphinx, doctree: nodes.document) -> None:  # noqa: ARG001 - Sphinx's.
    """Give all code of a page that may break the class `long`."""
    for code in doctree.findall(nodes.literal):
        if may_break(code.astext()):
            code["classes"].append("long")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Have each page marked when it has been read."""
    app.connect("doctree-read", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
