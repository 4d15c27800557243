"""What a `Kiq` does with whole queues."""

from collections.abc import Mapping
from typing import Any

from kiq_trio._opened import Opened
from kiq_trio._store.pausing import pause, read_paused, resume
from kiq_trio.errors import ConfigError
from kiq_trio.options import QUEUE_NAME
from kiq_trio.queue import require_size


class Queueing(Opened):
    """The part of a `Kiq` that queues are paused, resumed and resized with."""

    async def pause(self, queue: str) -> bool:
        """Have nothing taken from *queue* any more, in the whole cluster.

        Jobs that run go on, and new ones may be enqueued: they wait. Sidekiq Pro's
        processes obey as well, and show it.

        Returns:
            Whether it was not paused before.

        Raises:
            ConfigError: a queue cannot be called so.
        """
        _require_queue(queue)
        return await pause(self.redis, queue)

    async def resume(self, queue: str) -> bool:
        """Have jobs taken from *queue* again, within some seconds.

        Returns:
            Whether it was paused.

        Raises:
            ConfigError: a queue cannot be called so.
        """
        _require_queue(queue)
        return await resume(self.redis, queue)

    async def paused(self) -> list[str]:
        """Return the names of the queues that are paused, whoever works them off."""
        return await read_paused(self.redis)

    def resize(self, queue: str, size: int) -> None:
        """Let *size* jobs of *queue* run at once in this process from now on.

        With more, new consumers begin at once. With fewer, idle ones leave first,
        and busy ones after their job. Another start begins with the option `queues`
        again.

        Raises:
            ConfigError: nobody here works off such a queue, or by such a number.
        """
        self._resize({queue: size})

    def _resize(self, queues: Mapping[str, int]) -> None:
        plant = self._running().plant
        known = plant.sizes if plant is not None else {}
        for queue, size in queues.items():
            if queue not in known:
                names = ", ".join(known) or "none"
                raise ConfigError(f"no queue {queue!r} is worked off here ({names})")
            require_size(queue, size)
        if plant is not None:
            for queue, size in queues.items():
                plant.resize(queue, size)


def _require_queue(name: Any) -> None:
    if not isinstance(name, str) or not QUEUE_NAME.fullmatch(name):
        raise ConfigError(
            f"queue must be 1 to 128 of A-Z a-z 0-9 _ . : -, got {name!r}"
        )
