"""A sorted set, as it is looked at."""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from kiq_trio._checks import one_of
from kiq_trio._fields import SIDEKIQS, WriteTime, time_writer
from kiq_trio._pipeline.intake import Moment
from kiq_trio._store.browsing import (
    Placed,
    count_placed,
    read_with_score,
)
from kiq_trio._store.dating import read_clock
from kiq_trio._store.finding import Wanted, find, find_one
from kiq_trio._store.walking import Sift, Walk
from kiq_trio._wire.client import Redis
from kiq_trio.api.entries import SortedEntry, read_at, sorted_entry
from kiq_trio.api.pages import Each, Pages, read_slice


@attrs.frozen
class SetView:
    """What is seen of a `JobSet`, which says what to give."""

    redis: Redis = attrs.field(repr=False)
    sidekiq: int = attrs.field(default=8, kw_only=True, validator=one_of(SIDEKIQS))
    name: ClassVar[str]

    @property
    def place(self) -> str:
        """Where its jobs are: its key in Redis, which is its name."""
        return self.name

    async def size(self) -> int:
        """Return how many jobs there are."""
        return await count_placed(self.redis, self.name)

    def __aiter__(self) -> Each[SortedEntry]:
        return Each(self.pages())

    def pages(self) -> Pages[SortedEntry]:
        """Return all jobs in lists of a few hundred."""
        return Pages(Walk(self.redis, self.name), self._record)

    async def slice(self, skip: int, limit: int) -> list[SortedEntry]:
        """Return *limit* jobs after the first *skip*: what a page of a UI shows.

        To go through all of them there are `pages`, which miss nothing that moves.

        Raises:
            ConfigError: there is no such number of jobs.
        """
        return await self._records(await read_slice(self.redis, self.name, skip, limit))

    def scan(self, match: str) -> Each[SortedEntry]:
        """Return the jobs whose payload holds a text, in no order.

        Redis looks for it, and sends only what it has found. A job that stays all the
        time is given, maybe twice.

        Args:
            match: a text, or a glob as Redis knows it if there is a `*` in it.
        """
        glob = match if "*" in match else f"*{match}*"
        return Each(Pages(Sift(self.redis, self.name, glob), self._record))

    async def find(
        self,
        *,
        jid: str | None = None,
        klass: str | None = None,
        queue: str | None = None,
    ) -> list[SortedEntry]:
        """Return the jobs of a jid, a class (be it wrapped) or a queue, by time."""
        wanted = Wanted(jid=jid, job_class=klass, queue=queue)
        return await self._records(await find(self.redis, [self.name], wanted))

    async def find_job(self, jid: str) -> SortedEntry | None:
        """Return the job *jid*; None if it is not here."""
        found = await find_one(self.redis, self.name, Wanted(jid=jid))
        records = await self._records([found] if found else [])
        return records[0] if records else None

    async def fetch(self, at: Moment, jid: str | None = None) -> list[SortedEntry]:
        """Return the jobs of one moment, or one of them, without a search.

        Args:
            at: exactly as a record has it.
            jid: only the job of that name.

        Raises:
            ConfigError: that is no time.
        """
        found = await read_with_score(self.redis, self.name, read_at(at))
        wanted = Wanted(jid=jid)
        return await self._records(
            [one for one in found if wanted.fits(one) or not jid]
        )

    async def _records(self, found: Sequence[Placed]) -> list[SortedEntry]:
        now = await read_clock(self.redis)
        return [self._record(one, now) for one in found]

    def _record(self, placed: Placed, seen_at: float) -> SortedEntry:
        return sorted_entry(self.redis, placed, seen_at, self._write_time)

    @property
    def _write_time(self) -> WriteTime:
        """Makes of epoch seconds what our Sidekiq reads."""
        return time_writer(self.sidekiq)
