"""A clock that can be moved on, so that what is due later is due now."""

from collections.abc import Callable


class MovableClock:
    """Epoch seconds that pass as another clock's do, and can be moved forward.

    Only jobs see it: Trio's clock, and with it every timeout, goes its own way.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ahead = 0.0

    def __call__(self) -> float:
        """Return the epoch seconds now."""
        return self._clock() + self._ahead

    def move_to(self, moment: float) -> None:
        """Make it *moment*, in epoch seconds, unless that is past."""
        self._ahead += max(moment - self(), 0.0)
