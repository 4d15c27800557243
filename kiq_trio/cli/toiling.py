"""Long operations: how far they are, and what is done when they are broken off."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import TypeAlias

import attrs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from kiq_trio._store.browsing import Placed, count_placed
from kiq_trio._store.finding import Wanted, find
from kiq_trio._store.tending import tend, tend_all
from kiq_trio._wire.client import Redis
from kiq_trio.cli.answering import is_watched
from kiq_trio.cli.connecting import Patience
from kiq_trio.cli.link import Link

Deed: TypeAlias = Callable[[Redis, Sequence[Placed]], Awaitable[int]]


@attrs.define(eq=False)
class Toil:
    """An operation on many jobs, page by page.

    Each page is done in whole or not at all, and what is done stays done. So it may
    be broken off whenever somebody likes, and be begun again.

    Attributes:
        link: how to reach Redis.
        verb: what is done to a job: `deleted`.
        deed: what does it, to a page of jobs; returns to how many.
        stays: whether the deed leaves a job where it is.
    """

    link: Link
    verb: str
    deed: Deed
    stays: Callable[[Placed], bool] = lambda _: False
    _seen: int = attrs.field(default=0, init=False)
    _done: int = attrs.field(default=0, init=False)
    _total: int | None = attrs.field(default=None, init=False)

    def all_of(self, places: Sequence[str], wanted: Wanted) -> None:
        """Do it to all jobs of *places* that are *wanted*, and answer."""

        async def toil(redis: Redis, on_page: Callable[[int, int], None]) -> None:
            if wanted:
                await self._some(redis, await find(redis, places, wanted), on_page)
                return
            for place in places:
                await self._all(redis, place, on_page)

        self._run(toil)
        self._answer()

    def one(self, places: Sequence[str], jid: str) -> None:
        """Do it to the job *jid*, wherever it is in *places*, and answer.

        It is a failure if there is no such job, or none any more.
        """

        async def toil(redis: Redis, on_page: Callable[[int, int], None]) -> None:
            found = await find(redis, places, Wanted(jid=jid))
            await self._some(redis, found, on_page)

        self._run(toil)
        if not self._done:
            where = ", ".join(places)
            self.link.fail(f"no job {jid} in {where}" if where else f"no job {jid}")
        self._answer()

    def _run(
        self,
        toil: Callable[[Redis, Callable[[int, int], None]], Awaitable[None]],
    ) -> None:
        progress = _make_progress()

        async def run(redis: Redis, patience: Patience) -> None:
            with progress or nullcontext():
                task = progress.add_task("", total=None) if progress else TaskID(0)

                def on_page(seen: int, done: int) -> None:
                    self._seen, self._done = seen, done
                    patience.renew()
                    if progress:
                        progress.update(task, completed=seen, total=self._total)

                await toil(redis, on_page)

        # The page that is under way may be done or not.
        self.link.work(run, so_far=lambda: f"{self._tell()} for sure")

    async def _all(
        self, redis: Redis, place: str, on_page: Callable[[int, int], None]
    ) -> None:
        before_seen, before_done = self._seen, self._done
        self._total = before_seen + await count_placed(redis, place)

        async def deed(page: Sequence[Placed]) -> int:
            return await self.deed(redis, page)

        await tend_all(
            redis,
            place,
            deed,
            lambda seen, done: on_page(before_seen + seen, before_done + done),
            stays=self.stays,
        )

    async def _some(
        self,
        redis: Redis,
        jobs: Sequence[Placed],
        on_page: Callable[[int, int], None],
    ) -> None:
        self._total = len(jobs)

        async def deed(page: Sequence[Placed]) -> int:
            return await self.deed(redis, page)

        await tend(jobs, deed, on_page)

    def _tell(self) -> str:
        return f"{self._done:,} of {self._total or 0:,} {self.verb}"

    def _answer(self) -> None:
        fields = {"done": self._done, "of": self._total or 0}
        self.link.answer(fields, self._tell())


def _make_progress() -> Progress | None:
    """Return what shows on a terminal how far we are."""
    if not is_watched():
        return None
    return Progress(
        TextColumn("  "),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True, highlight=False),
        transient=True,
    )
