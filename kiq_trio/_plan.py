"""When a periodic job is due, and what becomes of the times that were missed."""

from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import attrs

from kiq_trio.crontab import Crontab
from kiq_trio.errors import ConfigError

CatchUp: TypeAlias = Literal["latest", "skip", "all"] | int
"""What becomes of ticks that nobody was there for."""

MOST_AT_ONCE = 100
"""How many ticks are caught up with in one go, and the greatest number to ask for."""

GRACE = 60
"""How many seconds late a tick may be without being missed."""


def _crontab(given: Any) -> Crontab:
    return given if isinstance(given, Crontab) else Crontab.parse(given)


def _zone(name: Any) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        raise ConfigError(
            "timezone must be the name of a time zone, such as 'Europe/Berlin', "
            f"got {name!r}"
        ) from None


_LEAST = 60
"""How many seconds there are between two ticks at least."""


@attrs.frozen
class Tick:
    """A time at which a periodic job is due, in epoch seconds.

    Attributes:
        at: the time.
        runs: whether a job is enqueued; False for one that is passed over.
    """

    at: int
    runs: bool = True


@attrs.frozen
class Plan:
    """When a periodic job is due.

    Attributes:
        crontab: when, by the clock of *timezone*.
        timezone: the name of a time zone.
        catch_up: what becomes of ticks that nobody was there for: `"latest"` makes
            up for the last of them, `"skip"` for none that is more than a minute
            old, `"all"` for each in order, a number for so many of the latest.
    """

    crontab: Crontab = attrs.field(converter=_crontab)
    timezone: str = "UTC"
    catch_up: CatchUp = "latest"
    _zone: ZoneInfo = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_zone", _zone(self.timezone))
        given = self.catch_up
        is_number = type(given) is int and 1 <= given <= MOST_AT_ONCE
        if not is_number and given not in {"latest", "skip", "all"}:
            raise ConfigError(
                "catch_up must be 'latest', 'skip', 'all' or a whole number from 1 "
                f"to {MOST_AT_ONCE}, got {given!r}"
            )

    def __str__(self) -> str:
        return f"{self.crontab} {self.timezone}"

    def next_after(self, moment: float) -> int:
        """Return the first tick after *moment*, both in epoch seconds."""
        start = datetime.fromtimestamp(moment, UTC)
        return int(self.crontab.next_after(start, self._zone).timestamp())

    def latest_until(self, moment: float) -> int:
        """Return the last tick until *moment*, both in epoch seconds."""
        start = datetime.fromtimestamp(moment, UTC)
        return int(self.crontab.latest_until(start, self._zone).timestamp())

    def due(self, first: int, now: float) -> list[Tick]:
        """Return what is due by now of *first* and all later ticks, in their order.

        What is left out is passed over, but for more than `MOST_AT_ONCE` of "all":
        there are more after those.
        """
        if first > now:
            return []
        if self.catch_up == "all":
            return self._forward(first, now)
        if self.catch_up == "skip":
            latest = self._latest(first, now)
            return [Tick(latest, runs=now - latest <= GRACE)]
        count = 1 if self.catch_up == "latest" else int(self.catch_up)
        return self._backward(first, now, count)

    def _forward(self, at: int, now: float) -> list[Tick]:
        ticks: list[Tick] = []
        while at <= now and len(ticks) < MOST_AT_ONCE:
            ticks.append(Tick(at))
            at = self.next_after(at)
        return ticks

    def _backward(self, first: int, now: float, count: int) -> list[Tick]:
        at = self._latest(first, now)
        ticks = [Tick(at)]
        while at > first and len(ticks) < count:
            at = self.latest_until(at - 1)
            ticks.append(Tick(at))
        return ticks[::-1]

    def _latest(self, first: int, now: float) -> int:
        # Most of the time there is but one, and no need to look for it.
        return first if now - first < _LEAST else self.latest_until(now)
