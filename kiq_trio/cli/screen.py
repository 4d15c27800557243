"""What the demonstration shows: on a terminal a bar, elsewhere lines."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from kiq_trio.cli.audit import Row

_LINE_EVERY = 2.0
_RATE_OVER = 1.0


@attrs.define(eq=False)
class Bar:
    """How far we are, and how fast.

    Attributes:
        console: where it is shown.
        total: when it is full.
        progress: what draws it; None where lines are printed instead.
    """

    console: Console
    total: int
    progress: Progress | None
    _task: TaskID = attrs.field(default=TaskID(0), init=False)
    _samples: deque[tuple[float, int]] = attrs.field(factory=deque, init=False)
    _printed_at: float = attrs.field(factory=time.monotonic, init=False)

    def __attrs_post_init__(self) -> None:
        if self.progress is not None:
            self._task = self.progress.add_task("", total=self.total, rate=0)

    def update(self, count: int) -> None:
        """Show that *count* jobs are accounted for."""
        now = time.monotonic()
        rate = self._rate(now, count)
        if self.progress is not None:
            self.progress.update(self._task, completed=count, rate=rate)
        elif now - self._printed_at >= _LINE_EVERY or count == self.total:
            self._printed_at = now
            self.console.print(f"  {count:,} of {self.total:,}, {rate:,} a second")

    def _rate(self, now: float, count: int) -> int:
        self._samples.append((now, count))
        while now - self._samples[0][0] > _RATE_OVER:
            self._samples.popleft()
        since, before = self._samples[0]
        return round((count - before) / (now - since)) if now > since else 0


@contextmanager
def open_bar(console: Console, total: int) -> Iterator[Bar]:
    """Show a bar for the length of the block."""
    if not console.is_terminal:
        yield Bar(console, total, None)
        return
    with Progress(
        TextColumn("  "),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>7,} a second"),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        yield Bar(console, total, progress)


def print_table(console: Console, rows: Sequence[Row], total: Row) -> None:
    """Print what became of every job."""
    table = Table()
    table.add_column("jobs")
    for name in ("enqueued", "done", "dead", "lost", "run twice"):
        table.add_column(name, justify="right")
    for row in (*rows, total):
        if row is total:
            table.add_section()
        numbers = (row.enqueued, row.done, row.dead, row.lost, row.run_again)
        style = None if row.is_proven else "bold red"
        table.add_row(row.kind, *(f"{number:,}" for number in numbers), style=style)
    console.print(table)
