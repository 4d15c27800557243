"""Redis is away or hangs for minutes, of a clock that need not be waited for."""

import itertools
import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import pytest
import trio
from redis.exceptions import TimeoutError as RedisTimeoutError
from trio.testing import MockClock

from kiq_trio import Kiq, worker
from kiq_trio._wire.faulty_line import FaultyConnection
from kiq_trio.testing import Fate, FaultyServer
from kiq_trio.timing import Timing
from tests.faults.figures import describe, percentile

pytestmark = [pytest.mark.faults, pytest.mark.slow]

OUTAGES = [0.1, 0.3, 1, 3, 10, 30, 61, 120, 300, 600]
TRIP = 0.0005
"""So many seconds it takes to Redis, and as many back."""


class Way(FaultyServer):
    """A way to a Redis that can hang as well: lines stay open, nothing is answered."""

    wakes_at = 0.0

    def hang(self, seconds: float) -> None:
        self.wakes_at = trio.current_time() + seconds
        self.latency = self._trip
        self.fate = self._be_silent

    @asynccontextmanager
    async def connect(self, **options: object) -> AsyncIterator[FaultyConnection]:
        timeout = options["command_timeout"]
        assert isinstance(timeout, float)
        left = self._left
        await trio.sleep(min(left, timeout))
        if left > timeout:
            raise RedisTimeoutError("it hangs")
        async with super().connect(**options) as line:  # type: ignore[arg-type]  # as given.
            yield line

    @property
    def _left(self) -> float:
        return max(self.wakes_at - trio.current_time(), 0)

    def _trip(self) -> float:
        return TRIP if self._is_too_long() else self._left + TRIP

    def _be_silent(self, _: Sequence[object]) -> Fate:
        return "silence" if self._is_too_long() else "delivered"

    def _is_too_long(self) -> bool:
        """Whether a line is given up before it is answered."""
        return self._left > Timing().command


@attrs.define(eq=False)
class Cluster:
    """Some processes, of which each has its own way to the same Redis.

    Attributes:
        began: when each began to run jobs, on Trio's clock.
    """

    ways: list[Way]
    kiqs: list[Kiq] = attrs.field(factory=list)
    began: list[list[float]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.began = [[] for _ in self.ways]

    def make(self, number: int, rng: random.Random) -> Kiq:
        @worker()
        async def nap(seconds: float) -> None:
            self.began[number].append(trio.current_time())
            await trio.sleep(seconds)

        return Kiq(
            redis_url=self.ways[number],
            workers=[nap],
            queues={f"q{number}": 3},
            timing=Timing(),
            random=rng.random,
        )

    def delays(self, since: float) -> list[float]:
        """Return how long after *since* each of them began a job."""
        return [min(at for at in began if at >= since) - since for began in self.began]

    async def suffer(self, outage: float, *, is_hang: bool) -> None:
        for way in self.ways:
            way.hang(outage) if is_hang else way.go_away()
        await trio.sleep(outage)
        for way in self.ways:
            way.come_back()


@asynccontextmanager
async def working(rng: random.Random) -> AsyncIterator[tuple[Cluster, Kiq]]:
    """Run three processes, and somebody to whom nothing happens."""
    good = FaultyServer()
    cluster = Cluster([Way(good) for _ in range(3)])
    async with AsyncExitStack() as stack:
        for number in range(3):
            kiq = cluster.make(number, rng)
            cluster.kiqs.append(await stack.enter_async_context(kiq))
        client = Kiq(redis_url=good.door(), server=False)
        yield cluster, await stack.enter_async_context(client)


async def test_however_long_redis_was_away_nobody_is_buried_and_all_work_again(
    autojump_clock: MockClock, rng: random.Random, *, is_long: bool
) -> None:
    outages = OUTAGES * 10 if is_long else [0.3, 61, 600]
    delays: list[float] = []
    given = 0
    async with working(rng) as (cluster, client):
        before = await client.redis.raw("HKEYS", "kiq:processes")
        for outage, is_hang, is_busy in itertools.product(
            outages, (False, True), (False, True)
        ):
            await trio.sleep(rng.uniform(2, 12))
            number = 30 if is_busy else 1
            jobs = [
                {"class": "nap", "args": [0.1], "queue": f"q{queue}"}
                for queue in range(3)
                for _ in range(number)
            ]
            given += len(jobs)
            if is_busy:
                await client.enqueue_many(jobs)
                await trio.sleep(0.2)
            await cluster.suffer(outage, is_hang=is_hang)
            back_at = trio.current_time()
            if not is_busy:
                await client.enqueue_many(jobs)
            await trio.sleep(10)
            delays += cluster.delays(back_at)
        after = await client.redis.raw("HKEYS", "kiq:processes")

    sys.stdout.write(f"after the return of Redis: {describe(delays)}\n")
    assert set(after) == set(before), "whoever was buried has another name now"
    assert sum(map(len, cluster.began)) == given
    assert percentile(delays, 99) <= (1 if is_long else 2)
