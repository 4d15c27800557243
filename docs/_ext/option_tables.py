"""A table of the options of a class, made from the class that checks them.

    ```{option-table} kiq_trio.Config
    ```

Name and default come from the fields, what they mean from the docstring's section
`Attributes:`. A field that is not explained there is an error.
"""

import inspect
import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any, ClassVar

import attrs
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

_ENTRY = re.compile(r"^    (\w+): (.*(?:\n {6,}.*)*)", re.MULTILINE)


class OptionTable(SphinxDirective):
    """The directive `option-table`, with the path of an attrs class."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        module, _, name = self.arguments[0].rpartition(".")
        described = getattr(import_module(module), name)
        meanings = read_meanings(described)
        rows = []
        for field in attrs.fields(described):
            if field.name not in meanings:
                raise self.error(f"{name}.{field.name} is not explained")
            rows.append((f"`{field.name}`", say(field), meanings[field.name]))
        return [make_table(("option", "default", "meaning"), (20, 20, 60), rows)]


def read_meanings(described: type) -> dict[str, str]:
    """Return what the docstring of a class says of each attribute."""
    _, _, section = (inspect.getdoc(described) or "").partition("Attributes:\n")
    return {
        name: " ".join(meaning.split()) for name, meaning in _ENTRY.findall(section)
    }


def say(field: "attrs.Attribute[Any]") -> str:
    """Return a field's default as its caller would write it."""
    given = field.default
    # A default may come in a wrapper, which makes it anew for each instance.
    value = getattr(given, "factory", lambda: given)()
    if attrs.has(type(value)):
        return f"`{type(value).__name__}()`"
    if value is None or value in ((), ""):
        return "none"
    if type(value) in {int, float}:
        return f"{value:,.10g}"
    return f"`{value!r}`"


def make_table(
    titles: Sequence[str], widths: Sequence[int], rows: Sequence[Sequence[str]]
) -> nodes.table:
    """Return a table; in its texts, what stands between backticks is code."""
    group = nodes.tgroup(cols=len(titles))
    group += [nodes.colspec(colwidth=width) for width in widths]
    group += nodes.thead("", _make_row(titles))
    group += nodes.tbody("", *map(_make_row, rows))
    return nodes.table("", group, classes=["colwidths-given"])


def make_paragraph(text: str) -> nodes.paragraph:
    """Return *text*, in which what stands between backticks is code."""
    paragraph = nodes.paragraph()
    for place, part in enumerate(text.split("`")):
        paragraph += nodes.literal(text=part) if place % 2 else nodes.Text(part)
    return paragraph


def _make_row(texts: Sequence[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", make_paragraph(text)) for text in texts))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Make the directive known to Sphinx."""
    app.add_directive("option-table", OptionTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
