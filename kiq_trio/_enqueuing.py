"""What a `Kiq` does with jobs on their way in."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import trio

from kiq_trio._configured import Configured
from kiq_trio._pipeline.entry import Entry
from kiq_trio._pipeline.intake import Moment, hold_to, make_jids, prepare, stamp
from kiq_trio._pipeline.passing import around_storing, store_at_once, store_in_order
from kiq_trio.job import Job
from kiq_trio.spans import Span

JobLike = Job | Mapping[str, Any]

_CHECKPOINT_EVERY = 200


class Enqueuing(Configured):
    """The part of a `Kiq` that takes jobs, whether it runs any or not."""

    async def enqueue(
        self,
        job: JobLike,
        *,
        in_: Span | None = None,
        at: Moment | None = None,
        deadline: Moment | None = None,
    ) -> Job:
        """Store *job* and return it as stored, once Redis has it.

        It passes through the client middleware on its way, and so does what comes back.

        While Redis is away it waits in memory, and so it does while its queue is
        full. Cancelled before it was sent, it is withdrawn; cancelled later, it may
        be stored all the same.

        A unique job that another one keeps out is not stored: what comes back then
        has that one's jid as its `duplicate_of`.

        Args:
            job: made by `worker.new(...)`, or a mapping such as
                `{"class": "ExternalWorker", "args": [1]}`.
            in_: start it after so many seconds, or a `timedelta`.
            at: start it then: an aware `datetime` or epoch seconds. What is past
                starts now.
            deadline: cancel it if it still runs then, and do not run it later: an
                aware `datetime` or epoch seconds. It ends as `Aborted("deadline")`,
                even if it swallows its cancellation. A failure whose retry would
                come too late is its last. Inside the job,
                `trio.current_effective_deadline()` tells it on Trio's clock.

        Raises:
            BufferFull: there is no room in memory, and `on_full` is "raise".
            ConfigError: the time, the queue or the jid cannot be.
            EncodeError: an argument is not JSON, or the job is too large.
            NotRunningError: the block was left before Redis had the job, which
                may or may not be stored.
            QueueFull: the queue holds its `max_size`, and `on_full` is "raise".
            redis.exceptions.ResponseError: Redis refuses the queue's key.
        """
        job = _limit(job, deadline)
        chain = self.config.client_middleware
        if not chain:
            return await self._store(job, in_, at)
        return await around_storing(chain, self._store)(self._look(job, in_, at))

    def enqueue_nowait(
        self,
        job: JobLike,
        *,
        in_: Span | None = None,
        at: Moment | None = None,
        deadline: Moment | None = None,
    ) -> Job:
        """Keep *job* in memory for the next flush, a moment later.

        If it turns out to be a duplicate then, the log says so; if its queue is full,
        it stays in memory until there is room.

        Raises:
            BufferFull: there is no room, because Redis is away or slow.
            ConfigError: the time, the queue or the jid cannot be, or a client
                middleware waits for something, which it cannot do here.
            EncodeError: an argument is not JSON, or the job is too large.
        """
        job = _limit(job, deadline)
        chain = self.config.client_middleware
        if not chain:
            return self._store_nowait(job, in_, at)
        return store_at_once(chain, self._store_nowait, self._look(job, in_, at))

    async def enqueue_many(
        self,
        jobs: Iterable[JobLike],
        *,
        in_: Span | None = None,
        at: Moment | None = None,
        deadline: Moment | None = None,
    ) -> list[Job]:
        """Store *jobs* as `enqueue` does, many in one round trip.

        All are checked before the first is stored. Cancelled or refused half way,
        it may have stored some of them: each of them once.

        Each passes through the client middleware. One whose turn it is begins when
        the one before is on its way to Redis.
        """
        if deadline is not None:
            jobs = [hold_to(job, deadline) for job in jobs]
        chain = self.config.client_middleware
        if chain:
            looked = [self._look(job, in_, at) for job in jobs]
            return await store_in_order(chain, self._store, looked)
        prepared: list[tuple[Job, Entry]] = []
        source = iter(jobs)
        while some := list(itertools.islice(source, _CHECKPOINT_EVERY)):
            prepared += self._prepare(some, in_, at)
            if len(some) == _CHECKPOINT_EVERY:
                await trio.lowlevel.checkpoint()
        await self._running().buffer.put([entry for _, entry in prepared])
        return [
            made if entry.duplicate_of is None else _tell(made, entry)
            for made, entry in prepared
        ]

    async def flush(self) -> None:
        """Wait until Redis has all that was enqueued here.

        Raises:
            NotRunningError: the block was left first.
            redis.exceptions.ResponseError: Redis refuses all that is left. It stays
                in memory, and is tried again.
        """
        await self._running().buffer.flush()

    async def _store(
        self, job: JobLike, in_: Span | None = None, at: Moment | None = None
    ) -> Job:
        [(made, entry)] = self._prepare((job,), in_, at)
        await self._running().buffer.put([entry])
        return _tell(made, entry)

    def _store_nowait(
        self, job: JobLike, in_: Span | None = None, at: Moment | None = None
    ) -> Job:
        [(made, entry)] = self._prepare((job,), in_, at)
        entry.may_wait = True
        self._running().buffer.put_nowait([entry])
        return made

    def _look(self, job: JobLike, in_: Span | None, at: Moment | None) -> Job:
        """Return *job* as middleware is given it: it could be stored as it is."""
        [jid] = make_jids(1)
        made = stamp(
            job,
            now=self._now(),
            jid=jid,
            in_=in_,
            at=at,
            write_time=self.config.write_time,
        )
        self._prepare((made,), None, None)
        return made

    def _prepare(
        self, jobs: Sequence[JobLike], in_: Span | None, at: Moment | None
    ) -> list[tuple[Job, Entry]]:
        """Return *jobs* as they will be stored, and what the buffer stores."""
        now, config = self._now(), self.config
        write_time, limit = config.write_time, config.payload_limit
        prepared = [
            prepare(
                job,
                now=now,
                jid=jid,
                in_=in_,
                at=at,
                write_time=write_time,
                limit=limit,
            )
            for job, jid in zip(jobs, make_jids(len(jobs)), strict=True)
        ]
        for made, entry in prepared:
            entry.may_wait = config.may_wait(made.queue)
        return prepared


def _limit(job: JobLike, deadline: Moment | None) -> JobLike:
    return job if deadline is None else hold_to(job, deadline)


def _tell(made: Job, entry: Entry) -> Job:
    owner = entry.duplicate_of
    return made if owner is None else made.set(duplicate_of=owner)
