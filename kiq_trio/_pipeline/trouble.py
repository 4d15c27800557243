"""Lanes whose jobs have to wait: why, and until when."""

import logging
import math
from collections.abc import Callable

import attrs
import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kiq_trio._pipeline.lane import Lane
from kiq_trio.errors import QueueFull

logger = logging.getLogger("kiq_trio.buffer")

OUTAGES = (RedisConnectionError, RedisTimeoutError)

_BACK_OFF = 1.5
_SLOWEST_RETRY = 5.0
# A full queue has room again as soon as one job of it begins.
_SLOWEST_LOOK = 1.0


@attrs.define(eq=False)
class Trouble:
    """Tells when to try again, and says in the log what is wrong, once.

    Attributes:
        name: whose trouble it is.
        shortest: seconds before the first new try; later ones come after longer.
        random: returns chance, from 0 up to 1.
        retry_at: when the next try is due, on Trio's clock.
        refusal: why Redis would not take the last batch at all, if so.
        is_own: whether it is of these jobs alone, and no outage that all share.
    """

    name: str
    shortest: float
    random: Callable[[], float]
    retry_at: float = attrs.field(default=-math.inf, init=False)
    refusal: Exception | None = attrs.field(default=None, init=False)
    is_own: bool = attrs.field(default=False, init=False)
    _pause: float = attrs.field(default=0.0, init=False)
    _is_told: bool = attrs.field(default=False, init=False)

    @property
    def is_there(self) -> bool:
        """Whether there is any."""
        return self._is_told or self._pause > 0

    def seconds_left(self) -> float:
        """Return how long to wait before the next try; 0 or less for not at all."""
        if self.retry_at == -math.inf:
            return self.retry_at
        return self.retry_at - trio.current_time()

    def grow(self, error: Exception) -> None:
        """Wait for a while, a longer one than the last time, because of *error*."""
        # Of an outage the connection tells, for all lanes at once.
        if not self._is_told and not isinstance(error, OUTAGES):
            logger.warning("jobs for %s wait in memory: %s", self.name, error)
            self._is_told = True
        is_full = isinstance(error, QueueFull)
        self.is_own = is_full or error is self.refusal
        slowest = _SLOWEST_LOOK if is_full else _SLOWEST_RETRY
        self._pause = min((self._pause or self.shortest) * _BACK_OFF, slowest)
        self.retry_at = trio.current_time() + self._pause * (0.5 + self.random() / 2)

    def ease(self) -> None:
        """Take heart: some of the jobs came through."""
        self._pause = 0.0

    def end(self) -> None:
        """All is well."""
        if self._is_told:
            logger.info("jobs flow to %s again", self.name)
        self._is_told = self.is_own = False
        self.refusal = None
        self._pause, self.retry_at = 0.0, -math.inf

    def try_at_once(self) -> None:
        """Forget what Redis said last time: it may say something else now."""
        self.refusal = None
        self.retry_at = -math.inf


@attrs.define(eq=False)
class TroubledLane(Lane):
    """A lane that sends when it has no trouble, or is to try again.

    Attributes:
        trouble: why its jobs have to wait, if they have.
    """

    trouble: Trouble = attrs.field(kw_only=True)

    def is_ready(self) -> bool:
        """Whether there is something to send now."""
        return bool(self) and self.trouble.seconds_left() <= 0
