"""When something is to happen, in the words of cron."""

import datetime as dt
from collections.abc import Iterator
from typing import Self

import attrs
from croniter import croniter

from kiq_trio import _crontab_fields as fields
from kiq_trio import _wall_clock as clock
from kiq_trio.errors import ConfigError, CrontabError

_MINUTE = dt.timedelta(minutes=1)
_NOTHING = dt.timedelta(0)
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@attrs.frozen(init=False, repr=False)
class Crontab:
    """Minutes of the clock, in the words of cron; by default every one.

    Made by `Crontab.parse("0 6,12,18 * * MON-FRI")`, or of fields, each a text, a
    number or a list of numbers: `Crontab(minutes=0, hours=[6, 12, 18])`.

    A field is `*`, a value, a range `9-17`, either with a step `*/15`, or a list of
    these. Months and weekdays have names, and Sunday is 0 as well as 7. A day must
    be one of `days` *and* one of `weekdays` if one of these fields begins with `*`;
    otherwise one is enough, as in cron: `0 0 13 * FRI` is every 13th and every
    Friday. What can never happen, as the 31st of February, is refused.

    In a time zone whose clock is put forward and back, an hour that is left out or
    comes twice is treated as Debian's cron treats it:

    - What has a fixed time, since neither minutes nor hours begin with `*`, happens
      once: the first time the clock shows it, or at once after the gap.
    - Everything else goes by what the clock shows: `*/15 * * * *` happens in each of
      the two hours, and `*/15 2 * * *` not on a day without its 2 o'clock.

    Raises:
        CrontabError: a field says what it cannot, and where.
    """

    _minutes: fields.Field
    _hours: fields.Field
    _days: fields.Field
    _months: fields.Field
    _weekdays: fields.Field

    def __init__(
        self,
        *,
        minutes: fields.Given = "*",
        hours: fields.Given = "*",
        days: fields.Given = "*",
        months: fields.Given = "*",
        weekdays: fields.Given = "*",
    ) -> None:
        given = zip(fields.KINDS, (minutes, hours, days, months, weekdays), strict=True)
        # Made by attrs, which pyright does not know.
        init = self.__attrs_init__  # pyright: ignore[reportAttributeAccessIssue]
        init(*(fields.read(kind, one) for kind, one in given))

    def __attrs_post_init__(self) -> None:
        longest = max(_LONGEST_MONTH[month - 1] for month in self.months)
        if self._must_suit_both and self.days[0] > longest:
            raise CrontabError(
                str(self),
                len(f"{self._minutes.text} {self._hours.text} "),
                f"day {self.days[0]} never comes in these months",
                "days",
            )

    @classmethod
    def parse(cls, expression: str) -> Self:
        """Read five fields (minutes, hours, days, months, weekdays) or `@daily`.

        Raises:
            CrontabError: it names the field, the place and what is allowed there.
        """
        if not isinstance(expression, str):
            raise CrontabError(repr(expression), 0, "a crontab is text")
        if expression.strip().startswith("@"):
            nickname = expression.strip().lower()
            if nickname not in _NICKNAMES:
                known = ", ".join(_NICKNAMES)
                raise CrontabError(expression, 0, f"the nicknames are {known}")
            return cls.parse(_NICKNAMES[nickname])
        parts = fields.split(expression)
        read = {
            kind.name: fields.parse(kind, expression, text, start)
            for kind, (text, start) in zip(fields.KINDS, parts, strict=True)
        }
        try:
            return cls(**read)
        except CrontabError as error:
            # Each field is right, but the days do not suit the months.
            start = parts[2][1]
            raise CrontabError(expression, start, error.reason, "days") from None

    def __str__(self) -> str:
        return " ".join(field.text for field in self._fields)

    def __repr__(self) -> str:
        return f"Crontab.parse({str(self)!r})"

    @property
    def minutes(self) -> list[int]:
        """From 0 to 59."""
        return list(self._minutes.values)

    @property
    def hours(self) -> list[int]:
        """From 0 to 23."""
        return list(self._hours.values)

    @property
    def days(self) -> list[int]:
        """Of the month, from 1 to 31."""
        return list(self._days.values)

    @property
    def months(self) -> list[int]:
        """From 1 to 12."""
        return list(self._months.values)

    @property
    def weekdays(self) -> list[int]:
        """From 0, which is Sunday, to 6."""
        return list(self._weekdays.values)

    def now(self, datetime: dt.datetime | None = None) -> bool:
        """Whether it is time: whether the clock of *datetime* shows what we say.

        Args:
            datetime: with a time zone; by default, now in UTC.
        """
        moment = dt.datetime.now(dt.UTC) if datetime is None else _aware(datetime)
        suits_day = moment.day in self._days.values
        suits_weekday = moment.isoweekday() % 7 in self._weekdays.values
        both = self._must_suit_both
        return (
            moment.minute in self._minutes.values
            and moment.hour in self._hours.values
            and moment.month in self._months.values
            and (suits_day and suits_weekday if both else suits_day or suits_weekday)
        )

    def next_after(
        self, moment: dt.datetime, timezone: dt.tzinfo = dt.UTC
    ) -> dt.datetime:
        """Return the first time after *moment*, by the clock of *timezone*.

        It comes as a time in UTC.
        """
        moment = _aware(moment).astimezone(dt.UTC)
        wall = clock.show(moment, timezone)
        jump = clock.jump_at(wall, timezone)
        # In the first hour of a fold, what was shown is going to be shown again.
        start = wall if wall.fold else wall + min(jump, _NOTHING)
        found: list[dt.datetime] = []
        for shown in self._walk(start):
            found += [one for one in self._moments(shown, timezone) if one > moment]
            if found and shown > wall and clock.jump_at(shown, timezone) >= _NOTHING:
                return min(found)
        raise AssertionError("a crontab has no end")

    def latest_until(
        self, moment: dt.datetime, timezone: dt.tzinfo = dt.UTC
    ) -> dt.datetime:
        """Return the last time until *moment*, which may be it, in UTC."""
        moment = _aware(moment).astimezone(dt.UTC)
        wall = clock.show(moment, timezone)
        jump = clock.jump_at(wall, timezone)
        # In the second hour of a fold, what will be shown was shown before.
        start = wall - min(jump, _NOTHING) if wall.fold else wall
        found: list[dt.datetime] = []
        for shown in self._walk(start, backwards=True):
            found += [one for one in self._moments(shown, timezone) if one <= moment]
            if found and shown <= wall and clock.jump_at(shown, timezone) >= _NOTHING:
                return max(found)
        raise AssertionError("a crontab has no beginning")

    def ticks_between(
        self, after: dt.datetime, until: dt.datetime, timezone: dt.tzinfo = dt.UTC
    ) -> Iterator[dt.datetime]:
        """Go through all times later than *after* and not later than *until*."""
        moment = self.next_after(after, timezone)
        while moment <= until:
            yield moment
            moment = self.next_after(moment, timezone)

    @property
    def _fields(self) -> tuple[fields.Field, ...]:
        return (self._minutes, self._hours, self._days, self._months, self._weekdays)

    @property
    def _must_suit_both(self) -> bool:
        return self._days.is_star or self._weekdays.is_star

    def _moments(self, wall: dt.datetime, timezone: dt.tzinfo) -> list[dt.datetime]:
        has_fixed_time = not (self._minutes.is_star or self._hours.is_star)
        return (clock.once if has_fixed_time else clock.each_time)(wall, timezone)

    def _walk(
        self, wall: dt.datetime, *, backwards: bool = False
    ) -> Iterator[dt.datetime]:
        """Go through what the clock shows after *wall*, or until it and backwards."""
        minute = wall.replace(second=0, microsecond=0, fold=0)
        days, weekdays = self._days.plain, self._weekdays.plain
        if not self._must_suit_both and "*" in {days, weekdays}:
            days = weekdays = "*"
        months = self._months.plain
        found = croniter(
            f"{self._minutes.plain} {self._hours.plain} {days} {months} {weekdays}",
            minute + _MINUTE if backwards else minute,
            day_or=not self._must_suit_both,
        )
        walk: Iterator[dt.datetime] = (
            found.all_prev(dt.datetime) if backwards else found.all_next(dt.datetime)
        )
        return walk


def _aware(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        raise ConfigError(f"a crontab wants a time zone with its time, got {moment!r}")
    return moment
