"""Hears orders that anybody may give to all processes, and has them followed.

It waits on a connection of its own. Where that cannot be had it looks now and then,
and in the process it is woken by the order itself: while nobody orders anything,
nothing is done.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
import trio
from redis.exceptions import RedisError

from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._pipeline.lease import Lease
from kiq_trio._store.keys import ORDERS
from kiq_trio._store.ordering import (
    BEGINNING,
    REMEMBERED,
    Order,
    read_orders,
    wait_for_orders,
)
from kiq_trio._wire.client import Redis
from kiq_trio._wire.seam import Server

logger = logging.getLogger("kiq_trio.courier")

LASTING = frozenset({"cancel"})
"""The kinds that concern a process even if it starts only afterwards."""

Obey: TypeAlias = Callable[[Order], Awaitable[None]]


@attrs.define(eq=False)
class Courier:
    """Brings orders to who can follow them.

    Attributes:
        redis: where they are given.
        server: says when one is given, if it can.
        lease: who we are: not every order is for all.
        followers: who follows an order, by its kind. A kind that nobody knows, of
            a later version, is ignored.
        now: returns epoch seconds.
        wait: seconds that one wait for orders lasts, or until we look again where
            we cannot wait.
    """

    redis: Redis
    server: Server
    lease: Lease
    followers: Mapping[str, Obey]
    now: Callable[[], float]
    wait: float
    _place: str = attrs.field(default=BEGINNING, init=False)
    _complaints: Complaints = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._complaints = Complaints(
            logger, "orders, such as to cancel a job, are not heard", "orders are heard"
        )

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Hear, for ever; ready when we know what was ordered of late."""
        news = self.server.watch((ORDERS,))
        await self._hear(self._recall)
        task_status.started()
        while True:
            if self.server.is_in_process:
                await news.wait()
                news = self.server.watch((ORDERS,))
                await self._hear(self._look)
            else:
                await self._hear(self._wait)

    async def _hear(self, listen: Callable[[], Awaitable[Sequence[Order]]]) -> None:
        try:
            for order in await listen():
                await self._follow(order)
        except RedisError as error:
            self._complaints.make(error)
        else:
            self._complaints.withdraw()

    async def _recall(self) -> list[Order]:
        """Return what was ordered before we came and concerns us all the same."""
        oldest = self.now() - REMEMBERED
        orders = self._heard(await read_orders(self.redis))
        return [one for one in orders if one.kind in LASTING and one.at > oldest]

    async def _look(self) -> list[Order]:
        return self._heard(await read_orders(self.redis, self._place))

    async def _wait(self) -> list[Order]:
        try:
            orders = await wait_for_orders(self.redis, self._place, timeout=self.wait)
        except (RedisError, OSError) as error:
            logger.debug("cannot wait for orders: %r", error)
            await trio.sleep(self.wait)
            return await self._look()
        return self._heard(orders)

    def _heard(self, orders: list[Order]) -> list[Order]:
        if orders:
            self._place = orders[-1].place
        return orders

    async def _follow(self, order: Order) -> None:
        if order.target not in {"", self.lease.identity}:
            return
        obey = self.followers.get(order.kind)
        if obey is None:
            logger.debug("nobody here knows how to follow %r", order)
            return
        try:
            await obey(order)
        except RedisError as error:
            logger.warning("could not follow the order to %s: %s", order.kind, error)
