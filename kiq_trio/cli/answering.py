"""How answers look: tables for people, one line of JSON for programs.

What comes from Redis was written by anybody. It reaches a terminal without its
control characters, and is never taken for markup.
"""

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import attrs
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kiq_trio._printing import printable

Kind: TypeAlias = Literal["id", "number", "text"]

_WIDEST = 1_000_000
_NARROWEST_TEXT = 12
_GAP = 2
"""Blanks between columns; rich counts those at the edges, too, but prints none."""


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


@attrs.frozen
class Sheet:
    """Rows of text under titles."""

    columns: tuple[Column, ...]
    rows: list[list[str]]

    def fit(self, width: int) -> Table:
        """Return a table of *width* at most, or a wider one if its ids need it.

        Our own sums: rich would rather leave a column out than cut another one.
        """
        widths = self._widths(width)
        has_titles = any(column.title for column in self.columns)
        table = Table(
            box=None, pad_edge=False, header_style="bold", show_header=has_titles
        )
        for column, least in zip(self.columns, widths, strict=True):
            table.add_column(
                column.title,
                justify="right" if column.kind == "number" else "left",
                no_wrap=True,
                overflow="ellipsis",
                width=least,
            )
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table

    def width(self, width: int) -> int:
        """Return how wide the table is that `fit` returns."""
        return sum(self._widths(width)) + _GAP * (len(self.columns) - 1)

    def _widths(self, width: int) -> list[int]:
        widths = [
            max(cell_len(text) for text in (column.title, *texts))
            for column, *texts in zip(self.columns, *self.rows, strict=True)
        ]
        texts = [n for n, column in enumerate(self.columns) if column.kind == "text"]
        excess = sum(widths) + _GAP * (len(widths) - 1) - width
        while excess > 0 and texts:
            widest = max(texts, key=widths.__getitem__)
            if widths[widest] <= _NARROWEST_TEXT:
                break
            widths[widest] -= 1
            excess -= 1
        return widths


def make_sheet(columns: Iterable[Column], rows: Iterable[Iterable[Any]]) -> Sheet:
    """Return *rows* as text, fit to be printed."""
    return Sheet(tuple(columns), [[printable(cell) for cell in row] for row in rows])


def print_sheet(sheet: Sheet) -> None:
    """Print *sheet*: in its full width, unless a terminal is narrower."""
    console = Console(highlight=False)
    if console.is_terminal:
        # Rather wrapped by the terminal than cut by us.
        _make_console(sheet, console.width).print(sheet.fit(console.width))
        return
    console = _make_console(sheet, _WIDEST)
    with console.capture() as captured:
        console.print(sheet.fit(_WIDEST))
    lines = captured.get().splitlines()
    print("\n".join(line.rstrip() for line in lines))


def _make_console(sheet: Sheet, width: int) -> Console:
    # Without a height, a dumb terminal would have 80 columns whatever we say.
    width = sheet.width(width) + _GAP
    return Console(highlight=False, width=width, height=len(sheet.rows) + 1)


def print_json(fields: Mapping[str, Any]) -> None:
    """Print *fields* as one line of JSON.

    A number that JSON has no word for, such as the infinite score of a hand's work in
    Redis, becomes null.
    """
    print(json.dumps(_finite(fields)), flush=True)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


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
