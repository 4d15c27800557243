"""How much of everything there is."""

from datetime import date
from typing import Self

import attrs

from kiq_trio._store.charting import (
    COUNTERS,
    Counter,
    History,
    read_history,
    reset_counters,
)
from kiq_trio._store.counting import Totals, read_totals
from kiq_trio._wire.client import Redis
from kiq_trio.errors import ConfigError

_MOST_DAYS = 5 * 365
"""So long Redis keeps what is counted of a day."""


@attrs.frozen(kw_only=True)
class Stats(Totals):
    """What Sidekiq's dashboard counts, read at nearly one moment.

    It is made by `read`::

        stats = await api.Stats.read(kiq.redis)
        print(stats.processed, stats.queues["mail"])
    """

    @classmethod
    async def read(cls, redis: Redis) -> Self:
        """Count."""
        return cls(**attrs.asdict(await read_totals(redis), recurse=False))

    @property
    def queues(self) -> dict[str, int]:
        """How many jobs wait in each queue, the longest first."""
        by_size = sorted(self.queue_summaries, key=lambda one: -one.size)
        return {one.name: one.size for one in by_size}

    @property
    def default_queue_latency(self) -> float:
        """For how many seconds the oldest job of the queue `default` has waited."""
        found = [one.latency for one in self.queue_summaries if one.name == "default"]
        return found[0] if found else 0.0

    @staticmethod
    async def history(
        redis: Redis, days_previous: int = 30, start_date: date | None = None
    ) -> History:
        """Return how many jobs ran on each day.

        Args:
            redis: where they are counted.
            days_previous: how many days, 1 to 1,825.
            start_date: the latest of them, a day of UTC; None is today.

        Raises:
            ConfigError: there are no so many days.
        """
        if type(days_previous) is not int or not 1 <= days_previous <= _MOST_DAYS:
            raise ConfigError(
                f"days_previous must be 1 to {_MOST_DAYS:,}, got {days_previous!r}"
            )
        return await read_history(redis, days_previous, start_date)

    @staticmethod
    async def reset(redis: Redis, *counters: Counter) -> None:
        """Have `processed` and `failed` count from 0, or one of them.

        What is counted of each day stays.

        Raises:
            ConfigError: there is no such counter.
        """
        unknown = sorted({*counters} - {*COUNTERS})
        if unknown:
            raise ConfigError(
                f"counters are {' and '.join(COUNTERS)}, got {', '.join(unknown)}"
            )
        await reset_counters(redis, counters or COUNTERS)
