"""What is open while a `Kiq` runs."""

from kiq_trio._house import House
from kiq_trio._wire.client import Redis
from kiq_trio.errors import NotRunningError


class Opened:
    """Has a house while its block is entered; the base of what a `Kiq` can do.

    Attributes:
        is_ignored: whether its `init` returned `IGNORE` when it was last entered.
    """

    is_ignored: bool = False
    _house: House | None

    @property
    def redis(self) -> Redis:
        """A full Redis client, safe for any number of tasks at once.

        Raises:
            NotRunningError: outside of the `async with` block.
        """
        return self._running().redis

    def _running(self) -> House:
        house = self._house
        if house is None:
            why = "its init returned IGNORE" if self.is_ignored else "use `async with`"
            raise NotRunningError(f"{self!r} is not running: {why}")
        return house if house.stand_in is None else house.stand_in()
