"""The sorted sets: jobs that are scheduled, failed, or dead."""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from kiq_trio._checks import one_of
from kiq_trio._fields import SIDEKIQS, WriteTime, time_writer
from kiq_trio._pipeline.intake import Moment
from kiq_trio._store.browsing import Placed, count_placed, read_with_score
from kiq_trio._store.dating import read_clock
from kiq_trio._store.finding import Wanted, find, find_one
from kiq_trio._store.keys import RETRY, SCHEDULE
from kiq_trio._store.laying import Laying, lay
from kiq_trio._store.popping import Pop
from kiq_trio._store.tending import cannot_run, delete, kill, run_again, tend_all
from kiq_trio._store.walking import Sift, Walk
from kiq_trio._wire.client import Redis
from kiq_trio.api.entries import SortedEntry, read_at, sorted_entry
from kiq_trio.api.pages import Each, Pages
from kiq_trio.api.payloads import Payload, read_payload


@attrs.frozen
class JobSet:
    """Jobs sorted by time; they are given earliest first.

    A job that stays all the time, with its time, is given exactly once, whatever
    others do, and whatever is done to the records. One that comes meanwhile, or gets
    another time, may be given or not, and once for each of its times.

    Args:
        redis: where it is.
        sidekiq: the oldest Sidekiq that shares this Redis, as a `Kiq` is told: times
            are written as that one writes them.

    Raises:
        ConfigError: we know no such Sidekiq.
    """

    redis: Redis = attrs.field(repr=False)
    sidekiq: int = attrs.field(default=8, kw_only=True, validator=one_of(SIDEKIQS))
    name: ClassVar[str]

    async def size(self) -> int:
        """Return how many jobs there are."""
        return await count_placed(self.redis, self.name)

    def __aiter__(self) -> Each[SortedEntry]:
        return Each(self.pages())

    def pages(self) -> Pages[SortedEntry]:
        """Return all jobs in lists of a few hundred."""
        return Pages(Walk(self.redis, self.name), self._record)

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

    async def schedule(self, at: Moment, payload: Payload) -> None:
        """Put a job here, to be due, or to have died, at a time.

        As it is, but for what Sidekiq gives every job, such as a `jid`: no middleware
        sees it, and no lock is taken. If the very same bytes are here, they get the
        new time. To enqueue a job for later, there is `kiq.enqueue(job, at=...)`.

        Args:
            at: an aware `datetime` or epoch seconds.
            payload: a job, its fields, or its JSON, such as the `value` of a record.

        Raises:
            ConfigError: that is no time, or no job that Sidekiq can read.
            redis.exceptions.RedisError: Redis is full.
        """
        moment = read_at(at)
        written = self._write_time(await read_clock(self.redis))
        laid = read_payload(payload, written, is_scheduled=self.name == SCHEDULE)
        await lay(self.redis, Laying(self.name, laid, moment))

    def pop_each(self) -> Each[SortedEntry]:
        """Return the jobs, earliest first, and take each out when you are done with it.

        That is when you come for the next::

            async for job in api.RetrySet(redis).pop_each():
                await elsewhere.put(job.value)

        So one at which you stop, raise or are cancelled is still here; in Ruby it is
        taken out before, and lost then. One that you have moved or rescheduled by
        itself is left where that put it. Of two who do this at once both may be given
        the same job.

        As many as there are when it begins, at most. Their locks stay with them.
        """
        return Each(Pages(Pop(self.redis, self.name), self._record))

    async def delete_by_jid(self, at: Moment, jid: str) -> bool:
        """Delete the job *jid* of one moment, with its lock, without a search.

        Returns:
            Whether it was there.

        Raises:
            ConfigError: that is no time.
        """
        found = await read_with_score(self.redis, self.name, read_at(at))
        wanted = Wanted(jid=jid)
        return await delete(self.redis, list(filter(wanted.fits, found))) > 0

    async def delete_job(self, jid: str) -> bool:
        """Delete the job *jid*, with its lock; False if it is not here."""
        found = await self.find_job(jid)
        return found is not None and await found.delete()

    async def delete_by_class(self, klass: str) -> int:
        """Delete the jobs of a class, be it wrapped, with their locks.

        Returns:
            How many there were.
        """
        found = await find(self.redis, [self.name], Wanted(job_class=klass))
        return await delete(self.redis, found)

    async def retry_all(self) -> int:
        """Put all jobs into their queues now; return how many were.

        As many as there are when it begins, page by page: cancelled half way, it has
        done whole pages. The attempts do not count as retries. What is no job stays.
        """
        return await tend_all(self.redis, self.name, self._retry, stays=cannot_run)

    async def clear(self) -> int:
        """Delete all jobs, with their locks; return how many there were.

        As many as there are when it begins, page by page.
        """

        async def deed(page: Sequence[Placed]) -> int:
            return await delete(self.redis, page)

        return await tend_all(self.redis, self.name, deed)

    async def _retry(self, page: Sequence[Placed]) -> int:
        now = await read_clock(self.redis)
        write_time = self._write_time
        return await run_again(self.redis, page, now=now, write_time=write_time)

    async def _records(self, found: Sequence[Placed]) -> list[SortedEntry]:
        now = await read_clock(self.redis)
        return [self._record(one, now) for one in found]

    def _record(self, placed: Placed, seen_at: float) -> SortedEntry:
        return sorted_entry(self.redis, placed, seen_at, self._write_time)

    @property
    def _write_time(self) -> WriteTime:
        """Makes of epoch seconds what our Sidekiq reads."""
        return time_writer(self.sidekiq)


class _WaitingSet(JobSet):
    """What waits for its time, and may be given up."""

    async def kill_all(self) -> int:
        """Move all jobs to the dead set, and release their locks; return how many.

        As many as there are when it begins, page by page. No callback hears of it.
        """

        async def deed(page: Sequence[Placed]) -> int:
            now = await read_clock(self.redis)
            return await kill(self.redis, page, now=now, write_time=self._write_time)

        return await tend_all(self.redis, self.name, deed)


class ScheduledSet(_WaitingSet):
    """Jobs for later, by the time they are due."""

    name = SCHEDULE


class RetrySet(_WaitingSet):
    """Jobs that failed, by the time of their next attempt."""

    name = RETRY
