"""One deadline for everything that has to end."""

import math
from collections.abc import Awaitable, Callable

import attrs
import trio

AFTERMATH = 1.0
"""Seconds after the deadline in which the last settlements are written."""


@attrs.define(eq=False)
class Stop:
    """When a stop must be over, once there is one.

    Attributes:
        deadline: when running jobs are cancelled, on Trio's clock.
    """

    deadline: float = math.inf

    def begin(self, grace: float) -> None:
        """Give running jobs *grace* seconds from now on."""
        self.deadline = min(self.deadline, trio.current_time() + grace)

    def in_time(
        self, finish: Callable[[], Awaitable[object]]
    ) -> Callable[[], Awaitable[None]]:
        """Return *finish*, given up soon after the deadline."""

        async def limited() -> None:
            # Still opening, and cancelled: nobody has set a deadline yet.
            if self.deadline == math.inf:
                self.begin(0)
            # Shielded, for a cancelled program must still write down what it
            # holds; short, for it wants to end.
            with trio.CancelScope(deadline=self.deadline + AFTERMATH, shield=True):
                await finish()

        return limited
