"""Crontabs of chance, and what a clock on the wall says of them every minute."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from random import Random

from kiq_trio._crontab_fields import KINDS, Kind
from kiq_trio.crontab import Crontab

MINUTE = timedelta(minutes=1)


def random_crontab(chance: Random) -> str:
    return " ".join(_field(chance, kind) for kind in KINDS)


def _field(chance: Random, kind: Kind) -> str:
    if chance.random() < 0.3:
        return "*"
    count = chance.choice((1, 1, 1, 2, 3))
    return ",".join(_item(chance, kind, may_star=not n) for n in range(count))


def _item(chance: Random, kind: Kind, *, may_star: bool) -> str:
    values = range(kind.low, kind.high + 1)
    roll = chance.random()
    if roll < 0.25 and may_star:
        base = "*"
    elif roll < 0.6:
        value = chance.choice(values)
        names = [name for name, named in kind.names.items() if named == value]
        if names and chance.random() < 0.5:
            return names[0]
        if kind.name == "weekdays":
            return str(value)
        base = str(value)
    else:
        first, last = sorted(chance.sample(values, 2))
        base = f"{first}-{last}"
    return f"{base}/{chance.choice(values) or 1}" if chance.random() < 0.3 else base


def watch(
    crontab: Crontab, start: datetime, minutes: int, zone: tzinfo
) -> Iterator[datetime]:
    """Look at the clock of *zone* every minute from *start* on."""
    is_fixed = not any(field[0] == "*" for field in str(crontab).split()[:2])
    shown = (start - MINUTE).astimezone(zone).replace(tzinfo=None)
    latest = shown
    for n in range(minutes):
        moment = start.astimezone(UTC) + n * MINUTE
        shown = moment.astimezone(zone).replace(tzinfo=None, fold=0)
        if not is_fixed:
            if crontab.now(shown.replace(tzinfo=UTC)):
                yield moment
            continue
        # Times that the clock has reached for the first time, and those left out.
        reached = False
        while latest < shown:
            latest += MINUTE
            reached = reached or crontab.now(latest.replace(tzinfo=UTC))
        if reached:
            yield moment
