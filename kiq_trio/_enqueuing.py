"""What a `Kiq` does with jobs on their way in."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import trio

from kiq_trio._opened import Opened
from kiq_trio._pipeline.intake import Moment, prepare
from kiq_trio._pipeline.lane import Entry
from kiq_trio.job import Job
from kiq_trio.spans import Span

JobLike = Job | Mapping[str, Any]

_CHECKPOINT_EVERY = 200


class Enqueuing(Opened):
    """The part of a `Kiq` that takes jobs, whether it runs any or not."""

    _now: Callable[[], float]

    async def enqueue(
        self, job: JobLike, *, in_: Span | None = None, at: Moment | None = None
    ) -> Job:
        """Store *job* and return it as stored, once Redis has it.

        While Redis is away it waits in memory. Cancelled before it was sent, it
        is withdrawn; cancelled later, it may be stored all the same.

        Args:
            job: made by `worker.new(...)`, or a mapping such as
                `{"class": "ExternalWorker", "args": [1]}`.
            in_: start it after so many seconds, or a `timedelta`.
            at: start it then: an aware `datetime` or epoch seconds. What is past
                starts now.

        Raises:
            ConfigError: the time or the queue cannot be.
            EncodeError: an argument is not JSON.
            NotRunningError: the block was left before Redis had the job, which
                may or may not be stored.
            redis.exceptions.ResponseError: Redis refuses the queue's key.
        """
        made, entry = self._prepare(job, in_, at)
        await self._running().buffer.put([entry])
        return made

    def enqueue_nowait(
        self, job: JobLike, *, in_: Span | None = None, at: Moment | None = None
    ) -> Job:
        """Keep *job* in memory for the next flush, a moment later.

        Raises:
            BufferFull: there is no room, because Redis is away or slow.
            ConfigError: the time or the queue cannot be.
            EncodeError: an argument is not JSON.
        """
        made, entry = self._prepare(job, in_, at)
        self._running().buffer.put_nowait([entry])
        return made

    async def enqueue_many(
        self,
        jobs: Iterable[JobLike],
        *,
        in_: Span | None = None,
        at: Moment | None = None,
    ) -> list[Job]:
        """Store *jobs* as `enqueue` does, many in one round trip.

        All are checked before the first is stored. Cancelled or refused half way,
        it may have stored some thousands of them.
        """
        prepared = []
        for job in jobs:
            prepared.append(self._prepare(job, in_, at))
            if len(prepared) % _CHECKPOINT_EVERY == 0:
                await trio.lowlevel.checkpoint()
        await self._running().buffer.put([entry for _, entry in prepared])
        return [made for made, _ in prepared]

    async def flush(self) -> None:
        """Wait until Redis has all that was enqueued here.

        Raises:
            NotRunningError: the block was left first.
            redis.exceptions.ResponseError: Redis refuses all that is left. It stays
                in memory, and is tried again.
        """
        await self._running().buffer.flush()

    def _prepare(
        self, job: JobLike, in_: Span | None, at: Moment | None
    ) -> tuple[Job, Entry]:
        return prepare(job, now=self._now(), jid=secrets.token_hex(12), in_=in_, at=at)
