"""What was measured, as tables: for a terminal, for Markdown, for JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import attrs

from bench.clock import Row

COLUMNS: dict[str, tuple[str, str]] = {
    "rate": ("per s", ",.0f"),
    "best": ("best", ",.0f"),
    "cpu_us": ("client CPU µs", ",.1f"),
    "least_us": ("least", ",.1f"),
    "redis_us": ("Redis CPU µs", ",.1f"),
    "trips": ("round trips", ",.3f"),
    "commands": ("Redis commands", ",.2f"),
    "ratio": ("x CPU", ",.2f"),
    "speedup": ("x rate", ",.2f"),
    "cpu": ("CPU of a core", ".2%"),
    "ping_us": ("PING µs", ",.0f"),
    "ping_p99_us": ("PING p99 µs", ",.0f"),
    "p50_us": ("p50 µs", ",.0f"),
    "p99_us": ("p99 µs", ",.0f"),
    "p999_us": ("p99.9 µs", ",.0f"),
    "pings": ("in PINGs", ",.1f"),
    "pings_p99": ("p99 in PINGs", ",.1f"),
    "offered": ("offered per s", ",.0f"),
    "seconds": ("s", ",.2f"),
    "first": ("first, s", ",.2f"),
    "last": ("last, s", ",.2f"),
    "gap": ("longest gap of beats, s", ",.3f"),
    "ui_gap": ("of heartbeats, s", ",.3f"),
    "ms": ("ms", ",.0f"),
    "cpu_ms": ("CPU ms", ",.0f"),
    "ns": ("ns", ",.0f"),
    "mib": ("MiB", ",.1f"),
    "more_mib": ("MiB more", ",.1f"),
    "kib_each": ("KiB a job", ",.2f"),
    "writes": ("socket writes", ",.3f"),
    "sent": ("commands sent", ",.3f"),
    "calls": ("Python calls", ",.1f"),
    "peak": ("peak bytes", ",.0f"),
    "kept": ("bytes kept", ",.1f"),
}
"""Each figure's title and format, in the order of the columns; per job or operation."""


@attrs.frozen
class Table:
    """The figures of one measurement.

    Attributes:
        title: what was measured.
        note: what a reader has to know to read it, in a sentence or two.
        rows: the figures of each case.
        shown: the figures that are worth a column; all, if there are none.
    """

    title: str
    note: str
    rows: Mapping[str, Row]
    shown: Sequence[str] = ()

    @property
    def columns(self) -> list[str]:
        """The names of the figures to show, in their order."""
        present = {key for row in self.rows.values() for key in row}
        known = [key for key in COLUMNS if key in present]
        return [key for key in known if not self.shown or key in self.shown]

    def cells(self) -> list[list[str]]:
        """Return the titles and then the rows, as text."""
        head = ["", *(COLUMNS[key][0] for key in self.columns)]
        return [
            head,
            *(
                [n, *(_cell(key, r) for key in self.columns)]
                for n, r in self.rows.items()
            ),
        ]

    def text(self) -> str:
        """Return it for a terminal."""
        cells = self.cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [f"\n{self.title}"]
        for name, *figures in cells:
            padded = [f.rjust(w) for f, w in zip(figures, widths[1:], strict=True)]
            lines.append(f"  {'  '.join([name.ljust(widths[0]), *padded])}")
        return "\n".join(lines)

    def markdown(self) -> str:
        """Return it for a page."""
        head, *rows = self.cells()
        return lines_of(head, rows, figures=True)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON says it."""
        return {
            **attrs.asdict(self),
            "rows": {n: dict(r) for n, r in self.rows.items()},
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned."""
        return cls(**found)


def _cell(key: str, row: Row) -> str:
    return format(row[key], COLUMNS[key][1]) if key in row else ""


def lines_of(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, figures: bool = False
) -> str:
    """Return a table in Markdown; *figures* stand to the right."""
    rest = "--:" if figures else "---"
    rule = ["---", *(rest for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))
