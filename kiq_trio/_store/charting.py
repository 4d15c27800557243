"""How many jobs ran on each day, and forgetting how many ever did."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypeAlias

import attrs

from kiq_trio._store.dating import read_clock
from kiq_trio._store.doubt import persist, raise_first
from kiq_trio._store.keys import stat_key
from kiq_trio._store.replies import read_number
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command

Counter: TypeAlias = Literal["processed", "failed"]

COUNTERS: tuple[Counter, ...] = ("processed", "failed")


@attrs.frozen(kw_only=True)
class History:
    """How many jobs ran on each day of UTC, the latest day first (wire.md §3).

    Attributes:
        processed: day to how many jobs ran, failed ones included.
        failed: day to how many of them failed.
    """

    processed: dict[date, int]
    failed: dict[date, int]


async def read_history(redis: Redis, days: int, latest: date | None = None) -> History:
    """Return what is counted for *days* days up to *latest*, by default today."""
    if latest is None:
        latest = datetime.fromtimestamp(await read_clock(redis), UTC).date()
    dates = [latest - timedelta(days=back) for back in range(days)]
    reads: list[Command] = [
        ("GET", stat_key(name, day.isoformat())) for name in COUNTERS for day in dates
    ]
    counts = [read_number(one) for one in raise_first(await persist(redis, reads))]
    return History(
        processed=dict(zip(dates, counts[:days], strict=True)),
        failed=dict(zip(dates, counts[days:], strict=True)),
    )


async def reset_counters(redis: Redis, names: Iterable[Counter]) -> None:
    """Count anew from 0, as Sidekiq does; those of each day stay.

    A copy of this call that comes late throws away what was counted since.
    """
    commands: list[Command] = [("SET", stat_key(name), 0) for name in names]
    raise_first(await persist(redis, commands))
