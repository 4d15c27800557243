"""A queue, and what waits in it."""

from collections.abc import Sequence
from typing import Self

import attrs

from kiq_trio._store.browsing import Placed, count_placed, place_of_queue
from kiq_trio._store.counting import read_latency, read_queues
from kiq_trio._store.dating import read_clock
from kiq_trio._store.finding import Wanted, find, find_one
from kiq_trio._store.pausing import pause, read_paused, resume
from kiq_trio._store.removing import delete_queue
from kiq_trio._store.tending import OnPage, delete, ignore
from kiq_trio._store.walking import Walk
from kiq_trio._wire.client import Redis
from kiq_trio.api.entries import QueuedJob, queued_job
from kiq_trio.api.masses import do_to_all
from kiq_trio.api.pages import Each, Pages, read_slice


@attrs.frozen
class Queue:
    """A queue; its jobs are given in the order in which they will be fetched.

    So one sees what is late::

        queue = api.Queue(kiq.redis, "mail")
        if await queue.latency() > 60:
            async for job in queue:
                print(job.jid, job.display_class)

    A job that waits all the time is given exactly once, though others are fetched,
    deleted or put there meanwhile. What comes meanwhile may be given or not.

    Not to be confused with `kiq_trio.Queue`, which says how a `Kiq` serves one.

    Args:
        redis: where it is.
        name: without Sidekiq's prefix `queue:`.
    """

    redis: Redis = attrs.field(repr=False)
    name: str = "default"

    @classmethod
    async def all(cls, redis: Redis) -> list[Self]:
        """Return all queues by name, those too that are only paused."""
        return [cls(redis, one.name) for one in await read_queues(redis)]

    async def size(self) -> int:
        """Return how many jobs wait."""
        return await count_placed(self.redis, self.place)

    async def latency(self) -> float:
        """Return for how many seconds the job has waited that is fetched next."""
        return await read_latency(self.redis, self.name)

    async def is_paused(self) -> bool:
        """Return whether nothing is taken from it."""
        return self.name in await read_paused(self.redis)

    async def pause(self) -> bool:
        """Have nothing taken from it; False if that was so already.

        As Sidekiq Pro does it; the free Sidekiq goes on.
        """
        return await pause(self.redis, self.name)

    async def unpause(self) -> bool:
        """Have jobs taken from it again; False if they were all the time."""
        return await resume(self.redis, self.name)

    def __aiter__(self) -> Each[QueuedJob]:
        return Each(self.pages())

    def pages(self) -> Pages[QueuedJob]:
        """Return all jobs in lists of a few hundred."""
        return Pages(Walk(self.redis, self.place), self._record)

    async def slice(self, skip: int, limit: int) -> list[QueuedJob]:
        """Return *limit* jobs after the first *skip*: what a page of a UI shows.

        To go through all of them there are `pages`, which miss nothing that moves.

        Raises:
            ConfigError: there is no such number of jobs.
        """
        return await self._records(
            await read_slice(self.redis, self.place, skip, limit)
        )

    async def find(
        self, *, jid: str | None = None, klass: str | None = None
    ) -> list[QueuedJob]:
        """Return the jobs of a jid, or of a class, be it wrapped by another.

        Reads the whole queue.
        """
        wanted = Wanted(jid=jid, job_class=klass)
        return await self._records(await find(self.redis, [self.place], wanted))

    async def find_job(self, jid: str) -> QueuedJob | None:
        """Return the job *jid*; None if it does not wait here.

        Reads the queue from its front on until it is found.
        """
        found = await find_one(self.redis, self.place, Wanted(jid=jid))
        records = await self._records([found] if found else [])
        return records[0] if records else None

    async def delete_job(self, jid: str) -> bool:
        """Delete the job *jid*, with its lock; False if it does not wait here.

        Reads the queue from its front on until it is found.
        """
        found = await self.find_job(jid)
        return found is not None and await found.delete()

    async def delete_by_class(self, klass: str) -> int:
        """Delete the jobs of a class, wrapped or not, and their locks; return how many.

        Reads the whole queue.
        """
        return await self.delete_all(klass=klass)

    async def delete_all(
        self,
        *,
        jid: str | None = None,
        klass: str | None = None,
        on_page: OnPage = ignore,
    ) -> int:
        """Delete all jobs that wait, with their locks, or those of a class.

        Page by page: cancelled half way, it has deleted some. What comes meanwhile
        stays.

        Args:
            jid: as in `find`.
            klass: as in `find`.
            on_page: is told how far it is, when it begins and after each page.

        Returns:
            How many there were.
        """
        wanted = Wanted(jid=jid, job_class=klass)
        return await do_to_all(self.redis, self.place, wanted, self._delete, on_page)

    async def clear(self) -> int:
        """Delete all jobs that wait, with their locks; return how many there were.

        As `delete_all`. The queue is forgotten if it is empty then, until the next job
        comes.
        """
        count = await self.delete_all()
        await delete_queue(self.redis, self.name)
        return count

    async def _delete(self, page: Sequence[Placed]) -> int:
        return await delete(self.redis, page)

    @property
    def place(self) -> str:
        """Where its jobs are: its key in Redis."""
        return place_of_queue(self.name)

    async def _records(self, found: Sequence[Placed]) -> list[QueuedJob]:
        now = await read_clock(self.redis)
        return [self._record(one, now) for one in found]

    def _record(self, placed: Placed, seen_at: float) -> QueuedJob:
        return queued_job(self.redis, placed, seen_at)
