"""Long operations: how far they are, and what is done when they are broken off."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from operator import add
from typing import TypeAlias

import attrs
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
)
from rich.progress import Progress as Bar

from kiq_trio._wire.client import Redis
from kiq_trio.api import OnPage, Progress
from kiq_trio.cli.answering import is_watched
from kiq_trio.cli.connecting import Patience
from kiq_trio.cli.link import Link

Deed: TypeAlias = Callable[[Redis, OnPage], Awaitable[int]]
"""Does something to the jobs of a place, and tells how far it is."""


@attrs.define(eq=False)
class Toil:
    """An operation on many jobs, page by page.

    Each page is done in whole or not at all, and what is done stays done. So it may
    be broken off whenever somebody likes, and be begun again.

    Attributes:
        link: how to reach Redis.
        verb: what is done to a job: `deleted`.
    """

    link: Link
    verb: str
    _progress: Progress | None = attrs.field(default=None, init=False)

    def all(self, deed: Deed) -> None:
        """Do *deed*, and answer."""
        self._do(deed)
        self._answer()

    def one(self, jid: str, deeds: Mapping[str, Deed]) -> None:
        """Do *deeds*, each in its place, to the job *jid*, and answer.

        It is a failure if there is no such job, or none any more.
        """
        self._do(*deeds.values())
        if not self._so_far.done:
            where = ", ".join(deeds)
            self.link.fail(f"no job {jid} in {where}" if where else f"no job {jid}")
        self._answer()

    @property
    def _so_far(self) -> Progress:
        return self._progress or Progress(0, 0, 0)

    def _do(self, *deeds: Deed) -> None:
        bar = _make_bar()

        async def run(redis: Redis, patience: Patience) -> None:
            with bar or nullcontext():
                task = bar.add_task("", total=None) if bar else TaskID(0)
                for deed in deeds:
                    await deed(redis, self._watch(bar, task, patience))

        # The page that is under way may be done or not.
        self.link.work(run, so_far=lambda: f"{self._tell()} for sure")

    def _watch(self, bar: Bar | None, task: TaskID, patience: Patience) -> OnPage:
        before = self._so_far

        def on_page(here: Progress) -> None:
            self._progress = now = Progress(*map(add, before, here))
            patience.renew()
            if bar and here.seen:
                bar.update(task, completed=now.seen, total=now.total)

        return on_page

    def _tell(self) -> str:
        return f"{self._so_far.done:,} of {self._so_far.total:,} {self.verb}"

    def _answer(self) -> None:
        fields = {"done": self._so_far.done, "of": self._so_far.total}
        self.link.answer(fields, self._tell())


def _make_bar() -> Bar | None:
    """Return what shows on a terminal how far we are."""
    if not is_watched():
        return None
    return Bar(
        TextColumn("  "),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True, highlight=False),
        transient=True,
    )
