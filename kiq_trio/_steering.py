"""What a `Kiq` does to a whole cluster."""

from kiq_trio._layers import Setup
from kiq_trio._opened import Opened
from kiq_trio._store.clearing import clear
from kiq_trio._store.inspecting import read_strangers
from kiq_trio._store.rota import (
    Listed,
    pause_periodic,
    read_periodics,
    resume_periodic,
)
from kiq_trio.errors import ConfigError


class Steering(Opened):
    """The part of a `Kiq` that all processes and queues are steered with."""

    _setup: Setup

    async def list_periodics(self) -> list[Listed]:
        """Return the periodic jobs that any process has told of, by name."""
        return await read_periodics(self.redis)

    async def pause_periodic(self, name: str) -> bool:
        """Let the ticks of a periodic job pass without a job, in the whole cluster.

        Returns:
            Whether it was not paused before.

        Raises:
            ConfigError: neither we nor any other process has told of it.
        """
        await self._check_periodic(name)
        return await pause_periodic(self.redis, name)

    async def resume_periodic(self, name: str) -> bool:
        """Let a periodic job be enqueued again, from its next tick on.

        Ticks that passed while it was paused are not made up for.

        Returns:
            Whether it was paused.

        Raises:
            ConfigError: neither we nor any other process has told of it.
        """
        await self._check_periodic(name)
        return await resume_periodic(self.redis, name)

    async def _check_periodic(self, name: str) -> None:
        if any(one.name == name for one in self._setup.config.periodics):
            return
        known = [one.name for one in await self.list_periodics()]
        if name not in known:
            raise ConfigError(
                f"no periodic is called {name!r} (known: {', '.join(known) or 'none'})"
            )

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
