"""How long jobs may hold the event loop: all consumers of a queue together."""

import math

import trio

TURN = 0.005
"""Seconds of work without a pause after which consumers let others run.

Jobs that never suspend would otherwise starve heartbeats and signals. The turn is
shared, for what starves them is the sum: fifty consumers, each with a turn of its
own, would hold the loop for fifty.
"""


class Pace:
    """Whose turn it is: the consumers', or everybody else's.

    Attributes:
        ends_at: when others should run before the next job, on Trio's clock.
        is_yielded: whether a consumer lets others run, and goes on after them.
    """

    def __init__(self) -> None:
        self.ends_at = -math.inf
        self.is_yielded = False

    def begin(self) -> None:
        """Jobs were handed over: their consumers' turn begins."""
        self.ends_at = trio.current_time() + TURN
        self.is_yielded = False

    async def next_turn(self) -> None:
        """Let all others run; return when it is the consumers' turn again."""
        while True:
            self.is_yielded = True
            await trio.lowlevel.checkpoint()
            if self.is_yielded:
                # The first of those who yielded begins the turn for all.
                self.begin()
                return
            if trio.current_time() <= self.ends_at:
                return
