"""Writing how long jobs took, for the Metrics tab of Sidekiq's UI (wire.md §5).

Sidekiq 8 keeps minutes and tens of minutes, 7 only minutes, and each spells its keys
in its own way. Sidekiq 6 has no such tab.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import attrs

from kiq_trio._store.doubt import raise_first
from kiq_trio._store.keys import (
    histogram_key,
    minute_key,
    old_histogram_key,
    old_minute_key,
)
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Argument, Command

_SHORT = 8 * 3_600
_LONG = 72 * 3_600


BUCKETS = 26
"""So many spans of time does Sidekiq tell apart."""


@attrs.define
class Measure:
    """The runs of a class.

    Attributes:
        runs: how many there were, failed ones included.
        failures: how many of them failed.
        seconds: how long the others took together.
        histogram: how many of those took how long, by bucket.
    """

    runs: int = 0
    failures: int = 0
    seconds: float = 0.0
    histogram: list[int] = attrs.field(factory=lambda: [0] * BUCKETS)


async def write_measures(
    redis: Redis, measures: Mapping[str, Measure], *, now: float, sidekiq: int
) -> None:
    """Add *measures* to those of this minute, by class, as that Sidekiq reads them.

    Not to be repeated after a lost reply: they would be added twice. It is only
    display, nothing depends on it.

    Args:
        redis: where.
        measures: the runs since the last time.
        now: epoch seconds.
        sidekiq: its version.

    Raises:
        redis.exceptions.RedisError: some are not written, or not known to be.
    """
    commands = _commands(measures, datetime.fromtimestamp(now, UTC), sidekiq)
    if commands:
        raise_first(await redis.send(commands))


def _commands(
    measures: Mapping[str, Measure], moment: datetime, sidekiq: int
) -> list[Command]:
    if sidekiq < 7 or not measures:
        return []
    if sidekiq == 7:
        sums = {old_minute_key(moment): _SHORT}
        name_histogram = old_histogram_key
    else:
        minute = minute_key(moment)
        sums = {minute[:-1]: _LONG, minute: _SHORT}
        name_histogram = histogram_key
    commands: list[Command] = []
    for key, lifetime in sums.items():
        for job_class, one in measures.items():
            # In whole numbers: one fraction would stop Sidekiq's.
            ms = round(one.seconds * 1000)
            fields = {"ms": ms, "p": one.runs, "f": one.failures}
            commands += [
                ("HINCRBY", key, f"{job_class}|{name}", count)
                for name, count in fields.items()
                if count
            ]
        commands.append(("EXPIRE", key, lifetime))
    for job_class, one in measures.items():
        if any(one.histogram):
            key = name_histogram(job_class, moment)
            commands += (_add_up(key, one.histogram), ("EXPIRE", key, _SHORT))
    return commands


def _add_up(key: str, histogram: Sequence[int]) -> Command:
    counts: list[Argument] = []
    for bucket, count in enumerate(histogram):
        if count:
            counts += ("INCRBY", "u16", f"#{bucket}", count)
    return ("BITFIELD", key, "OVERFLOW", "SAT", *counts)
