"""The sorted sets: jobs that are scheduled, failed, or dead."""

from collections.abc import Sequence

from kiq_trio._pipeline.intake import Moment
from kiq_trio._store.browsing import (
    Placed,
    read_with_score,
)
from kiq_trio._store.dating import read_clock
from kiq_trio._store.finding import Wanted
from kiq_trio._store.keys import RETRY, SCHEDULE
from kiq_trio._store.laying import Laying, lay
from kiq_trio._store.popping import Pop
from kiq_trio._store.tending import (
    OnPage,
    cannot_run,
    delete,
    ignore,
    kill,
    run_again,
)
from kiq_trio.api.entries import SortedEntry, read_at
from kiq_trio.api.masses import do_to_all
from kiq_trio.api.pages import Each, Pages
from kiq_trio.api.payloads import Payload, read_payload
from kiq_trio.api.set_views import SetView


class JobSet(SetView):
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

    async def schedule(self, at: Moment, payload: Payload) -> None:
        """Put a job here, to be due, or to have died, at a time.

        As it is, but for what Sidekiq gives every job, such as a `jid`: no middleware
        sees it, and no lock is taken. If the very same bytes are here, they get the
        new time. To enqueue a job for later, there is `kiq.enqueue(job, at=...)`.

        Args:
            at: an aware `datetime` or epoch seconds.
            payload: a job, its fields, or its JSON, such as the `value` of a record.

        Raises:
            ConfigError: that is no time, or no job that Sidekiq can read, or, unless it
                is JSON, none that `enqueue` takes.
            redis.exceptions.RedisError: Redis is full.
        """
        moment = read_at(at)
        now, is_scheduled = await read_clock(self.redis), self.name == SCHEDULE
        laid = read_payload(payload, now, self._write_time, is_scheduled=is_scheduled)
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
        return await self.delete_all(klass=klass)

    async def retry_all(
        self,
        *,
        jid: str | None = None,
        klass: str | None = None,
        queue: str | None = None,
        on_page: OnPage = ignore,
    ) -> int:
        """Put all jobs into their queues now, or those of a class or queue.

        As many as there are when it begins, page by page: cancelled half way, it has
        done whole pages. The attempts do not count as retries. What is no job stays.

        Args:
            jid: as in `find`.
            klass: as in `find`.
            queue: as in `find`.
            on_page: is told how far it is, when it begins and after each page.

        Returns:
            How many there were.
        """
        wanted = Wanted(jid=jid, job_class=klass, queue=queue)
        return await do_to_all(
            self.redis, self.name, wanted, self._retry, on_page, stays=cannot_run
        )

    async def delete_all(
        self,
        *,
        jid: str | None = None,
        klass: str | None = None,
        queue: str | None = None,
        on_page: OnPage = ignore,
    ) -> int:
        """Delete all jobs, with their locks, or those of a class or queue.

        As many as there are when it begins, page by page. The words are those of
        `retry_all`.

        Returns:
            How many there were.
        """
        wanted = Wanted(jid=jid, job_class=klass, queue=queue)
        return await do_to_all(self.redis, self.name, wanted, self._delete, on_page)

    async def clear(self) -> int:
        """Delete all jobs, with their locks; return how many there were."""
        return await self.delete_all()

    async def _delete(self, page: Sequence[Placed]) -> int:
        return await delete(self.redis, page)

    async def _retry(self, page: Sequence[Placed]) -> int:
        now = await read_clock(self.redis)
        write_time = self._write_time
        return await run_again(self.redis, page, now=now, write_time=write_time)


class _WaitingSet(JobSet):
    """What waits for its time, and may be given up."""

    async def kill_all(
        self,
        *,
        jid: str | None = None,
        klass: str | None = None,
        queue: str | None = None,
        on_page: OnPage = ignore,
    ) -> int:
        """Move all jobs to the dead set, and release their locks; or some of them.

        As many as there are when it begins, page by page. No callback hears of it. The
        words are those of `retry_all`.

        Returns:
            How many there were.
        """
        wanted = Wanted(jid=jid, job_class=klass, queue=queue)
        return await do_to_all(self.redis, self.name, wanted, self._kill, on_page)

    async def _kill(self, page: Sequence[Placed]) -> int:
        now = await read_clock(self.redis)
        return await kill(self.redis, page, now=now, write_time=self._write_time)


class ScheduledSet(_WaitingSet):
    """Jobs for later, by the time they are due."""

    name = SCHEDULE


class RetrySet(_WaitingSet):
    """Jobs that failed, by the time of their next attempt."""

    name = RETRY
