"""The five fields of a crontab: what may stand in them, and where one goes wrong.

    field = item {"," item}
    item  = ("*" | value ["-" value]) ["/" step]

A value is a number or, for months and weekdays, the first three letters of a name.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import attrs

from kiq_trio.errors import CrontabError

_SUNDAY, _OTHER_SUNDAY = 0, 7
_MONTHS = [
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


@attrs.frozen
class Kind:
    """What one of the fields may say.

    Attributes:
        name: of the field.
        low: the least value.
        high: the greatest; 7 for weekdays, which is Sunday as well as 0.
        names: other words for values.
    """

    name: str
    low: int
    high: int
    names: Mapping[str, int] = MappingProxyType({})

    @property
    def allowed(self) -> str:
        """In words."""
        words = f"{self.low} to {self.high}"
        return f"{words} or {next(iter(self.names))} and so on" if self.names else words


KINDS = (
    Kind("minutes", 0, 59),
    Kind("hours", 0, 23),
    Kind("days", 1, 31),
    Kind("months", 1, 12, {name: n for n, name in enumerate(_MONTHS, 1)}),
    Kind("weekdays", 0, 7, {name: n for n, name in enumerate(_WEEKDAYS)}),
)


@attrs.frozen
class Field:
    """One field, read.

    Attributes:
        values: what it allows, in ascending order.
        is_star: whether it begins with `*`, which cron takes for "I do not mind",
            even with a step behind it.
        text: as it was written.
    """

    values: tuple[int, ...]
    is_star: bool
    text: str = attrs.field(eq=False)
    plain: str = attrs.field(eq=False)
    """The values in their simplest words: numbers, or `*` if it is all of them."""


Given: TypeAlias = str | int | Iterable[int] | Field
"""What a field is made of: text as in a crontab, a number or several."""


def split(expression: str) -> list[tuple[str, int]]:
    """Return the five texts of *expression*, and where each begins.

    Raises:
        CrontabError: there are not five.
    """
    parts = [(one.group(), one.start()) for one in re.finditer(r"\S+", expression)]
    if len(parts) > len(KINDS):
        text, start = parts[len(KINDS)]
        raise CrontabError(
            expression,
            start,
            f"{text!r} is one too many: the fields are "
            f"{' '.join(kind.name for kind in KINDS)}, and nothing is finer than a "
            "minute",
        )
    if len(parts) < len(KINDS):
        missing = " ".join(kind.name for kind in KINDS[len(parts) :])
        raise CrontabError(
            expression,
            len(expression),
            f"five fields are needed, {missing} are missing",
        )
    return parts


def read(kind: Kind, given: Given) -> Field:
    """Make a field of *given*, which stands by itself."""
    if isinstance(given, Field):
        return given
    if isinstance(given, str):
        return parse(kind, given, given.strip(), 0)
    numbers = [given] if isinstance(given, int) else list(given)
    text = ",".join(map(str, numbers))
    return parse(kind, text, text, 0)


def parse(kind: Kind, expression: str, text: str, start: int) -> Field:
    """Make a field of *text*, which begins at *start* in *expression*.

    Raises:
        CrontabError: it says what and where.
    """
    return _Reader(kind, expression).read(text, start)


@attrs.frozen
class _Reader:
    kind: Kind
    expression: str

    def read(self, text: str, start: int) -> Field:
        values: set[int] = set()
        at = start
        for item in text.split(","):
            values.update(self._item(item, at))
            at += len(item) + 1
        if self.kind.high == _OTHER_SUNDAY and _OTHER_SUNDAY in values:
            values = values - {_OTHER_SUNDAY} | {_SUNDAY}
        is_all = len(values) == len(self._item("*", 0))
        plain = "*" if is_all else ",".join(map(str, sorted(values)))
        return Field(tuple(sorted(values)), text.startswith("*"), text, plain)

    def _item(self, text: str, at: int) -> range:
        base, slash, step_text = text.partition("/")
        step = self._step(step_text, at + len(base) + 1) if slash else 1
        if base == "*":
            last = self.kind.high - (self.kind.high == _OTHER_SUNDAY)
            return range(self.kind.low, last + 1, step)
        first_text, dash, last_text = base.partition("-")
        first = self._value(first_text, at)
        if not dash:
            # As everywhere else, `5/15` goes on from 5 to the end.
            return range(first, (self.kind.high if slash else first) + 1, step)
        last = self._value(last_text, at + len(first_text) + 1)
        if last_text.upper() == "SUN" and first:
            last = _OTHER_SUNDAY
        if last < first:
            raise self._error(
                at,
                f"{base!r} goes backwards: write "
                f"{first_text}-{self.kind.high},{self.kind.low}-{last_text}",
            )
        return range(first, last + 1, step)

    def _value(self, text: str, at: int) -> int:
        named = self.kind.names.get(text.upper())
        if named is not None:
            return named
        value = _number(text)
        if value is None or not self.kind.low <= value <= self.kind.high:
            raise self._error(at, f"{text!r} is not {self.kind.allowed}")
        return value

    def _step(self, text: str, at: int) -> int:
        step = _number(text)
        if not step or step > self.kind.high:
            raise self._error(at, f"the step {text!r} is not 1 to {self.kind.high}")
        return step

    def _error(self, at: int, reason: str) -> CrontabError:
        return CrontabError(self.expression, at, reason, self.kind.name)


def _number(text: str) -> int | None:
    # Two digits are enough, and other scripts have digits too.
    return int(text) if re.fullmatch(r"[0-9]{1,2}", text) else None
