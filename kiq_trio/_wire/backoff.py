"""How long to wait before trying again."""

from collections.abc import Callable

FIRST = 0.05
LONGEST = 0.75
"""So that 99 of 100 are back at work a second after the server is."""


def backoff(attempt: int, random: Callable[[], float]) -> float:
    """Return the seconds to wait after *attempt* failures in a row.

    Full jitter: anything up to a bound that doubles. When a server comes back,
    those who wait for it should not all come at once.
    """
    # From the fourth on the bound stays; a bigger power would overflow one day.
    bound = min(LONGEST, FIRST * 2.0 ** min(attempt, 4))
    return bound * random()
