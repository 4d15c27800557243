"""What a worker may say of its job beside "done" and "failed"."""

import enum
from typing import Final, Literal

import attrs

from kiq_trio.errors import ConfigError
from kiq_trio.spans import is_span, to_seconds


class Verdict(Exception):  # noqa: N818 - what is said here is no error.
    """The base of what a worker may raise, or return, to say how its job goes on."""


@attrs.frozen(slots=False)
class Snooze(Verdict):
    """Not now: run the job again later; no retry is counted.

    Attributes:
        seconds: how much later, or a `timedelta`.
    """

    seconds: float = attrs.field(converter=to_seconds)

    def __attrs_post_init__(self) -> None:
        if not is_span(self.seconds):
            raise ConfigError(f"Snooze needs more than 0 s, got {self.seconds!r}")

    def __str__(self) -> str:
        return f"to be run again in {self.seconds:g} s"


@attrs.frozen(slots=False)
class Discard(Verdict):
    """Never: the job cannot succeed, is not retried, and not kept in the dead set.

    It counts as a death, so `on_death` is told.

    Attributes:
        reason: why, for people.
    """

    reason: str = ""

    def __attrs_post_init__(self) -> None:
        _check_reason(self, self.reason)

    def __str__(self) -> str:
        return self.reason or "discarded"


@attrs.frozen(slots=False)
class Cancel(Verdict):
    """No longer: nobody wants the job any more. That is no failure and no death.

    Attributes:
        reason: why, for people.
    """

    reason: str = ""

    def __attrs_post_init__(self) -> None:
        _check_reason(self, self.reason)

    def __str__(self) -> str:
        return self.reason or "cancelled"


class Wish(enum.Enum):
    """What `retry_in` and `on_exhausted` may say of a job that failed."""

    DISCARD = enum.auto()
    """It is done with, and not kept in the dead set."""
    KILL = enum.auto()
    """Its retries are used up."""


DISCARD: Final[Literal[Wish.DISCARD]] = Wish.DISCARD
KILL: Final[Literal[Wish.KILL]] = Wish.KILL


def _check_reason(verdict: Verdict, reason: object) -> None:
    if not isinstance(reason, str):
        kind = type(verdict).__name__
        raise ConfigError(f"the reason of a {kind} must be text, got {reason!r}")
