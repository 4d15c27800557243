"""What a clock on the wall shows, and when it shows that.

Twice a year it jumps: forward over times that never come (a gap), and back to times
that come a second time (a fold). See PEP 495 for how Python tells them apart.
"""

from datetime import UTC, datetime, timedelta, tzinfo

_MINUTE = timedelta(minutes=1)
_NOTHING = timedelta(0)


def show(moment: datetime, zone: tzinfo) -> datetime:
    """Return what the clock shows at *moment*, with its fold and no time zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def jump_at(wall: datetime, zone: tzinfo) -> timedelta:
    """Return how far the clock jumps over *wall*: back if negative, or not at all."""
    before, after = (
        wall.replace(tzinfo=zone, fold=fold).utcoffset() or _NOTHING for fold in (0, 1)
    )
    return after - before


def once(wall: datetime, zone: tzinfo) -> list[datetime]:
    """Return when the clock first shows *wall*, or shows a time beyond it."""
    while jump_at(wall, zone) > _NOTHING:
        wall += _MINUTE
    return [wall.replace(tzinfo=zone, fold=0).astimezone(UTC)]


def each_time(wall: datetime, zone: tzinfo) -> list[datetime]:
    """Return when the clock shows *wall*: once, twice in a fold, never in a gap."""
    jump = jump_at(wall, zone)
    folds = () if jump > _NOTHING else (0, 1) if jump < _NOTHING else (0,)
    return [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in folds]
