"""What a `Kiq` does to a whole cluster."""

from kiq_trio._opened import Opened
from kiq_trio._store.clearing import clear
from kiq_trio._store.inspecting import read_strangers
from kiq_trio.errors import ConfigError


class Steering(Opened):
    """The part of a `Kiq` that all processes and queues are steered with."""

    async def clear(self, *, confirm: bool = False) -> None:
        """Delete every job: enqueued, scheduled, to be retried, dead, or held.

        Args:
            confirm: do so even if other processes are registered, whose jobs
                these may be.

        Raises:
            ConfigError: others are registered and *confirm* was not given.
        """
        house = self._running()
        own = house.plant.lease.identity if house.plant else ""
        strangers = await read_strangers(house.redis, own)
        if strangers and not confirm:
            raise ConfigError(
                f"other processes are registered ({', '.join(strangers)}); "
                "clear(confirm=True) deletes their jobs too"
            )
        await clear(house.redis)
