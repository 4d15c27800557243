"""Takes along, in a fetch, what is done with: of two round trips remains one.

Of jobs that never suspend a whole batch ends between one fetch and the next. To wake
the settler for it, whose write has to be joined with that of the fetch, and which waits
for an answer of its own, would cost each of them 1 us more where 25 run at once.
"""

from collections.abc import Sequence
from typing import Any

import attrs

from kiq_trio._pipeline.moves import tell_gone
from kiq_trio._pipeline.settler import Settler
from kiq_trio._store.settling import ack_command
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command


@attrs.define(eq=False)
class Ride:
    """Sends commands as `Redis` does, and what has ended in front of them.

    Attributes:
        redis: where they go.
        settler: knows what has ended; settles what cannot come along.
    """

    redis: Redis
    settler: Settler

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """Send *commands* in one write; return the replies, in order.

        Raises:
            redis.exceptions.ConnectionError: as `Redis.send` does; what was taken
                along is settled by the settler then.
            redis.exceptions.TimeoutError: likewise.
        """
        runs = self.settler.board()
        if not runs:
            return await self.redis.send(commands)
        ids = [run.delivery.id for run in runs]
        ack = ack_command(runs[0].delivery.identity, ids)
        try:
            found, *replies = await self.redis.send([ack, *commands])
        except BaseException:
            # Also when the fetch is given up. Redis may have heard of it or not.
            self.settler.take_back(runs)
            raise
        if isinstance(found, Exception):
            self.settler.take_back(runs)
            return replies
        if not found:
            tell_gone(runs)
        self.settler.land(runs)
        return replies
