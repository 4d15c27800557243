"""The dead set: jobs that were given up."""

from kiq_trio._store.dating import read_clock
from kiq_trio._store.keys import DEAD
from kiq_trio._store.laying import trim
from kiq_trio.api.payloads import Payload
from kiq_trio.api.sets import JobSet
from kiq_trio.config import Config
from kiq_trio.spans import Span


class DeadSet(JobSet):
    """Jobs that were given up, by the time of their death."""

    name = DEAD

    async def kill(self, payload: Payload) -> None:
        """Put a job here as one that died now, which need be nowhere else.

        If it has never failed, it says that it did now. No callback hears of it, its
        lock stays, and nothing is trimmed. A job of a set is better moved here by its
        own `kill`, in one step.

        Args:
            payload: a job, its fields, or its JSON, such as the `value` of a record.

        Raises:
            ConfigError: that is no job that Sidekiq can read, or, unless it is JSON,
                none that `enqueue` takes.
            redis.exceptions.RedisError: Redis is full.
        """
        await self.schedule(await read_clock(self.redis), payload)

    async def trim(
        self, *, dead_limit: int = 10_000, dead_timeout: Span = 15_552_000.0
    ) -> int:
        """Delete what has been dead for long, and the oldest of what is too much.

        Each death of a job does that by itself, with the limits of the `Kiq` that
        ran it.

        Args:
            dead_limit: how many to keep; with its `dead_max_jobs` Ruby keeps one less.
            dead_timeout: for how long, by default for 180 days.

        Returns:
            How many were deleted; after a lost connection maybe fewer.

        Raises:
            ConfigError: those are no limits.
        """
        limits = Config(dead_limit=dead_limit, dead_timeout=dead_timeout)
        return await trim(
            self.redis, limit=limits.dead_limit, timeout=limits.dead_timeout
        )
