"""A job where it lies, and what people do to it there.

What is done is what Sidekiq's UI means by the same word (wire.md §2.6), but done only
to a job that is as it was when we looked: all that a process has taken, or somebody
rescheduled, is left alone, and the answer is False. After a lost connection it may be
False too for what is done.
"""

import math
from typing import Any

import attrs

from kiq_trio._fields import WriteTime, read_time
from kiq_trio._pipeline.intake import Moment, read_epoch
from kiq_trio._store.browsing import Placed, queue_of
from kiq_trio._store.dating import read_clock
from kiq_trio._store.rescheduling import reschedule
from kiq_trio._store.tending import delete, kill, run_again
from kiq_trio._wire.client import Redis
from kiq_trio.api.records import JobRecord
from kiq_trio.errors import ConfigError


@attrs.frozen(kw_only=True)
class QueuedJob(JobRecord):
    """A job that waits in a queue."""

    _redis: Redis = attrs.field(alias="redis", repr=False, eq=False)
    _placed: Placed = attrs.field(alias="placed", repr=False)

    @property
    def place(self) -> str:
        """Where it is: the key of its queue in Redis."""
        return self._placed.place

    async def delete(self) -> bool:
        """Delete it, and the lock that makes it unique.

        Returns:
            Whether it still waited. What was fetched runs, and keeps its lock.
        """
        return await delete(self._redis, [self._placed]) > 0


@attrs.frozen(kw_only=True)
class SortedEntry(JobRecord):
    """A job that is scheduled, to be retried, or dead.

    Attributes:
        at: when it is due, or died, in epoch seconds; Ruby's `score`.
    """

    at: float
    _redis: Redis = attrs.field(alias="redis", repr=False, eq=False)
    _placed: Placed = attrs.field(alias="placed", repr=False)
    _write_time: WriteTime = attrs.field(alias="write_time", repr=False, eq=False)

    @property
    def place(self) -> str:
        """Where it is: `schedule`, `retry` or `dead`."""
        return self._placed.place

    @property
    def id(self) -> str:
        """What Sidekiq's UI knows it by in its set."""
        return f"{self.at!r}|{self.jid}"

    @property
    def is_error(self) -> bool:
        """Whether it has failed."""
        return self.error_class is not None

    async def delete(self) -> bool:
        """Delete it, and the lock that makes it unique.

        Returns:
            Whether it was still there.
        """
        return await delete(self._redis, [self._placed]) > 0

    async def reschedule(self, at: Moment) -> bool:
        """Have it start at another time. This record keeps the old one.

        Args:
            at: an aware `datetime` or epoch seconds; what is past is due at once.

        Returns:
            Whether it was still there, with its time.

        Raises:
            ConfigError: that is no time.
        """
        return await reschedule(self._redis, self._placed, read_at(at))

    async def add_to_queue(self) -> bool:
        """Put it into its queue now; the attempt counts, should it fail again.

        Returns:
            Whether it was still there, and is a job.
        """
        return await self._run_again(counts=True)

    async def retry(self) -> bool:
        """Put it into its queue now; the attempt does not count as a retry.

        Ruby refuses what has not failed; here that is put into its queue as well.

        Returns:
            Whether it was still there, and is a job.
        """
        return await self._run_again(counts=False)

    async def kill(self) -> bool:
        """Move it to the dead set as it is, and release its lock.

        If it has never failed, it says that it did now.

        No callback hears of it: in Ruby those of the process that kills do.

        Returns:
            Whether it was still there; False as well if it is dead already.
        """
        now = await read_clock(self._redis)
        done = await kill(
            self._redis, [self._placed], now=now, write_time=self._write_time
        )
        return done > 0

    async def _run_again(self, *, counts: bool) -> bool:
        done = await run_again(
            self._redis,
            [self._placed],
            now=await read_clock(self._redis),
            write_time=self._write_time,
            counts=counts,
        )
        return done > 0


def read_at(given: Moment) -> float:
    """Return the time that somebody gave for a job, in epoch seconds.

    Raises:
        ConfigError: it is none.
    """
    moment = read_epoch("at", given)
    # Taken for milliseconds, it would be another time.
    if not math.isfinite(moment) or read_time(moment) != moment:
        raise ConfigError(f"at must be a time in epoch seconds, got {given!r}")
    return moment


def queued_job(redis: Redis, placed: Placed, seen_at: float) -> QueuedJob:
    """Return the record of a job in a queue."""
    return QueuedJob(redis=redis, placed=placed, **_read(placed, seen_at))


def sorted_entry(
    redis: Redis, placed: Placed, seen_at: float, write_time: WriteTime
) -> SortedEntry:
    """Return the record of a job in a sorted set."""
    assert placed.score is not None
    return SortedEntry(
        redis=redis,
        placed=placed,
        write_time=write_time,
        at=placed.score,
        **_read(placed, seen_at),
    )


def _read(placed: Placed, seen_at: float) -> dict[str, Any]:
    job = placed.job
    queue = queue_of(placed.place) or ("" if job is None else job.queue)
    return {"value": placed.payload, "job": job, "queue": queue, "seen_at": seen_at}
