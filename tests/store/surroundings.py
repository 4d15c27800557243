"""What clients, processes and services know of the `World` they act in."""

from collections.abc import Coroutine
from random import Random
from typing import Any, Protocol, TypeAlias

import attrs

from kiq_trio._store.fetching import Delivery
from tests.store.ledger import Ledger

QUEUES = ("low", "high")
LIMIT, LONG = 1_000_000, 1e9

Work: TypeAlias = Coroutine[Any, Any, None]


@attrs.define(eq=False)
class Process:
    """One that fetches and settles, and what it knows of its jobs."""

    identity: str
    number: int = 0
    losses: int = 0
    """How often Redis had lost its data when this process registered."""
    is_alive: bool = True
    is_registered: bool = False
    is_leaving: bool = False
    running: dict[str, Delivery] = attrs.Factory(dict)
    settling: dict[str, Delivery] = attrs.Factory(dict)
    fetching: dict[str, str] = attrs.Factory(dict)
    """Queue to the beginning of the delivery ids that a fetch under way may get."""
    calls: dict[str, int] = attrs.Factory(lambda: dict.fromkeys(QUEUES, 0))

    @property
    def is_working(self) -> bool:
        return self.is_alive and self.is_registered and not self.is_leaving


class Surroundings(Protocol):
    """What the cast may use of the world."""

    chance: Random
    now: float
    losses: int
    ledger: Ledger

    def begin(self, name: str, work: Work, process: Process | None = None) -> None:
        """Start a piece of work that suspends at each round trip."""

    def is_busy(self, name: str) -> bool:
        """Whether a piece of work of that name is on its way."""

    def is_stored(self, jid: bytes) -> bool:
        """Whether Redis holds it in any place, or a process was done with it."""

    def count(self) -> int:
        """Return a number that was never returned before."""
