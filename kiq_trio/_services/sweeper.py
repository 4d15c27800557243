"""Looks, now and then, for backups that nobody knows of any more."""

import logging

import attrs
import trio
from redis.exceptions import RedisError

from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._store.sweeping import adopt_strays
from kiq_trio._wire.client import Redis

logger = logging.getLogger("kiq_trio.rescuer")


@attrs.define(eq=False)
class Sweeper:
    """Hands strays to the rescuers.

    Attributes:
        redis: where to look.
        interval: seconds between two looks, since each goes through all keys.
    """

    redis: Redis
    interval: float
    _complaints: Complaints = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._complaints = Complaints(
            logger,
            "lost backups are not looked for",
            "lost backups are looked for again",
        )

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Sweep, for ever; for the first time after a while."""
        task_status.started()
        while True:
            await trio.sleep(self.interval)
            try:
                for identity in await adopt_strays(self.redis):
                    logger.warning("found jobs that %s had held", identity)
            except RedisError as error:
                self._complaints.make(error)
            else:
                self._complaints.withdraw()
