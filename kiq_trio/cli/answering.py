"""How answers look: tables for people, one line of JSON for programs.

What comes from Redis was written by anybody. It reaches a terminal without its
control characters, and is never taken for markup.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import attrs
from rich.console import Console
from rich.table import Table
from rich.text import Text

Kind: TypeAlias = Literal["id", "number", "text"]

_WIDEST = 10_000
_NARROWEST_TEXT = 12
_GAP = 2


@attrs.frozen
class Column:
    """A column of a table.

    Attributes:
        title: what stands above it.
        kind: an `id` is never cut nor wrapped; of a `text`, a terminal may show the
            beginning only.
    """

    title: str
    kind: Kind = "text"


def make_table(columns: Iterable[Column], rows: Iterable[Iterable[Any]]) -> Table:
    """Return a table of *rows*, as plain as a pipe needs it."""
    columns = tuple(columns)
    has_titles = any(column.title for column in columns)
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=has_titles)
    texts = [[Text(printable(cell)) for cell in row] for row in rows]
    for n, column in enumerate(columns):
        longest = max((len(row[n]) for row in texts), default=0)
        least = min(longest, _NARROWEST_TEXT) if column.kind == "text" else longest
        table.add_column(
            column.title,
            justify="right" if column.kind == "number" else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=least,
        )
    for row in texts:
        table.add_row(*row)
    return table


def print_table(table: Table) -> None:
    """Print *table*: in its full width, unless a terminal is narrower."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDEST)
        with console.capture() as captured:
            console.print(table)
        lines = captured.get().splitlines()
        print("\n".join(line.rstrip() for line in lines))
        return
    least = sum(
        max(column.min_width or 0, len(str(column.header))) + _GAP
        for column in table.columns
    )
    # Rather wrapped by the terminal than cut by us.
    Console(highlight=False, width=max(console.width, least)).print(table)


def print_json(fields: Mapping[str, Any]) -> None:
    """Print *fields* as one line of JSON."""
    print(json.dumps(fields), flush=True)


def printable(value: Any) -> str:
    """Return *value* as one line of text that a terminal does not obey."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable()
        else char.encode("unicode_escape", "replace").decode()
        for char in text
    )


def is_watched() -> bool:
    """Whether somebody sees what we print on standard error, as we print it."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def tell_span(seconds: float) -> str:
    """Return a span of time in the two units that matter: `3 m 20 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    parts: list[str] = []
    rest = round(seconds)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(part for part in parts[:2] if not part.startswith("0 ")) or "0 s"
