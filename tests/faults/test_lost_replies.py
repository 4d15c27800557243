"""Redis has stored what it was sent, and its answer is lost, again and again."""

import itertools
import json
import random
import sys
from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Kiq, worker
from kiq_trio._wire.slot import Command
from kiq_trio.testing import Fate, FaultyServer, by_chance

pytestmark = [pytest.mark.faults, pytest.mark.slow]

PLACES = ["queue:default", "queue:low", "schedule"]
TASKS = 5


@worker()
async def count(task: int, number: int) -> None:
    """Know who has enqueued it, and as which of his jobs."""


class Losing:
    """A fate that counts how many replies were lost."""

    def __init__(self, rng: random.Random) -> None:
        self.lost = 0
        self._choose = by_chance(rng.random, {"reply lost": 0.6})

    def __call__(self, commands: Sequence[Command]) -> Fate:
        fate = self._choose(commands)
        self.lost += fate == "reply lost"
        return fate


async def test_jobs_whose_replies_are_lost_are_each_stored_once_and_in_order(
    autojump_clock: MockClock, rng: random.Random, *, is_long: bool
) -> None:
    wanted, told = 100_000 if is_long else 500, 0
    server, losing = FaultyServer(), Losing(rng)

    async def enqueue_on(kiq: Kiq, task: int) -> None:
        nonlocal told
        # Each for a place of its own, so that its jobs have an order there.
        place = task % len(PLACES)
        job = count.set(queue="low") if PLACES[place] == "queue:low" else count
        for number in itertools.count():
            if losing.lost >= wanted:
                break
            # What is due at one moment has no order in the schedule.
            in_ = 86_400.0 + number if PLACES[place] == "schedule" else None
            await kiq.enqueue(job.new(task, number), in_=in_)
            told += 1

    # What reads the places in the end is somebody to whom nothing happens.
    async with Kiq(redis_url=server.door(), server=False) as good:
        async with Kiq(redis_url=server, server=False) as kiq:
            await kiq.flush()
            server.fate = losing
            async with trio.open_nursery() as nursery:
                for task in range(TASKS):
                    nursery.start_soon(enqueue_on, kiq, task)
            server.fate = lambda _: "delivered"
        found = [
            await good.redis.raw("LRANGE", PLACES[0], 0, -1),
            await good.redis.raw("LRANGE", PLACES[1], 0, -1),
            await good.redis.raw("ZRANGE", PLACES[2], 0, -1),
        ]

    sys.stdout.write(f"{losing.lost:,} replies lost, {told:,} jobs acknowledged\n")
    stored: list[list[int]] = [[] for _ in range(TASKS)]
    for place, payloads in enumerate(found):
        newest_first = PLACES[place] != "schedule"
        for payload in payloads[:: -1 if newest_first else 1]:
            task, number = json.loads(payload)["args"]
            assert task % len(PLACES) == place
            stored[task].append(number)
    assert sum(map(len, stored)) == told
    for numbers in stored:
        assert numbers == list(range(len(numbers)))
