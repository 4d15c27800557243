"""How long a call tries, and how long it waits in between."""

import math
from collections.abc import Callable

import attrs

from kiq_trio._wire.backoff import backoff


@attrs.frozen
class Pause:
    """A step that does nothing, for so many seconds."""

    seconds: float


@attrs.define(eq=False)
class Patience:
    """What a call has left of its time.

    Attributes:
        timeout: for how many seconds it goes on without getting anywhere.
        monotonic: a clock that is never put back.
        random: returns chance, from 0 up to 1.
    """

    timeout: float
    monotonic: Callable[[], float]
    random: Callable[[], float]
    _attempt: int = attrs.field(default=0, init=False)
    _give_up_at: float = attrs.field(default=math.inf, init=False)

    def __attrs_post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew: it got somewhere."""
        self._attempt = 0
        self._give_up_at = self.monotonic() + self.timeout

    def next_pause(self) -> Pause | None:
        """Return the pause before the next try; None if there is to be none."""
        left = self._give_up_at - self.monotonic()
        if left <= 0:
            return None
        seconds = backoff(self._attempt, self.random)
        self._attempt += 1
        return Pause(min(seconds, left))
