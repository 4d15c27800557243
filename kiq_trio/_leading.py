"""What a `Kiq` does as the one process that leads its cluster."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from kiq_trio._opened import Opened
from kiq_trio._services.leadership import Leadership
from kiq_trio.errors import ConfigError

P = ParamSpec("P")
R = TypeVar("R")


class Leading(Opened):
    """The part of a `Kiq` that knows whether it leads.

    At most one process of a cluster leads, which saves the others work. It is a
    hint: while Redis fails over, or its clock jumps, two may believe it for a
    moment. What must not be done twice compares `term`, which is greater for a later
    leader, where it is written.
    """

    @property
    def is_leader(self) -> bool:
        """Whether this process leads the cluster now."""
        return self.term is not None

    @property
    def term(self) -> int | None:
        """The number of our lead, greater than that of any before; None without."""
        leadership = self._leadership
        return leadership.term if leadership is not None else None

    async def as_leader(
        self, function: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Wait until we lead, run *function*, and return what it returns.

        It is cancelled when the lead is lost, and called again when it is regained.
        What it raises comes out, and so does what it returns after it has swallowed
        its cancellation.

        Raises:
            ConfigError: this process never leads: it has `server=False` or
                `campaign=False`.
            NotRunningError: the block was left.
        """
        self._running()
        leadership = self._leadership
        if leadership is None:
            raise ConfigError(
                "as_leader needs a process that may lead: server=True, campaign=True"
            )
        return await leadership.run(function, *args, **kwargs)

    @property
    def _leadership(self) -> Leadership | None:
        plant = self._house.plant if self._house is not None else None
        return plant.leadership if plant is not None else None
