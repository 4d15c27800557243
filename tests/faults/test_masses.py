"""Very many jobs: that wait, that are due at one moment, that come without an end.

With `KIQ_TRIO_FAULTS=long` there are a million of them, or as many as
`KIQ_TRIO_MASS` says.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import trio

from bench.children import Child, open_child
from bench.stock import Stock
from tests.faults.masses import (
    MIB,
    Bystander,
    Scripts,
    Shape,
    cpu_of,
    cpu_of_process,
    heard_ranges,
    slope,
)
from tests.servers import RealServer

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

CONCURRENCY = "25"
WARM = 5
"""After how many of twenty parts the memory is looked at."""
KEYS = 12
"""How many may be left: some of each process and of each queue, and of all."""
SOME = 1_500
"""How many jobs a process has run when its memory is looked at."""


@pytest.fixture
def mass(*, is_long: bool) -> int:
    """How many jobs there are."""
    return int(os.environ.get("KIQ_TRIO_MASS", "1000000")) if is_long else 10_000


@pytest.fixture
def roomy() -> Iterator[RealServer]:
    """A server that writes nothing to disk, and notes what took half a millisecond."""
    with RealServer(slowlog_log_slower_than=500, slowlog_max_len=100_000) as server:
        yield server


@pytest.fixture
def looking(roomy: RealServer) -> Iterator["redis.Redis"]:
    with roomy.client(decode_responses=True, socket_timeout=600) as client:
        yield client


async def ask(child: Child) -> dict[str, float]:
    await child.say()
    return await child.hear()


async def test_whatever_number_waits_a_process_takes_no_more_memory(
    roomy: RealServer, looking: "redis.Redis", mass: int
) -> None:
    stock = Stock(roomy.unix_url)
    resident: dict[int, float] = {}
    for waiting in (0, mass):
        async with open_child("work", roomy.unix_url, CONCURRENCY) as child:
            await child.hear()
            stock.queue(SOME)
            await stock.wait_empty()
            with heard_ranges(looking) as ranges:
                stock.queue(waiting + SOME)
                while (found := await ask(child))["done"] < 2 * SOME:  # noqa: ASYNC110
                    await trio.sleep(0.05)
            resident[waiting] = found["resident"]
            left = looking.llen("queue:default")
        looking.flushall()

    growth = (resident[mass] - resident[0]) / MIB
    sys.stdout.write(
        f"{mass:,} waiting, {left:,} of them at the end: {growth:+.1f} MiB; "
        f"at most {max(ranges)} were asked for at once\n"
    )
    assert growth <= 2
    assert max(ranges) <= 1000


async def test_jobs_without_an_end_leave_nothing_behind(
    roomy: RealServer, looking: "redis.Redis", mass: int
) -> None:
    stock, points = Stock(roomy.unix_url), []
    step = mass // 20
    async with open_child("work", roomy.unix_url, CONCURRENCY) as child:
        await child.hear()
        began = time.monotonic()
        for turn in range(1, 21):
            stock.queue(step)
            await stock.wait_empty()
            found = await ask(child)
            assert found["done"] == turn * step
            points.append((found["done"] / 1e6, found["resident"] / MIB))
            if turn == WARM:
                before = Shape.of(child.process.pid, looking)
        seconds = time.monotonic() - began
        after = Shape.of(child.process.pid, looking)

    growth = slope(points[WARM:])
    sys.stdout.write(
        f"{mass:,} jobs in {seconds:.0f} s: {growth:+.2f} MiB per million after "
        f"{WARM * step:,}, {points[-1][1]:.1f} MiB at the end\n{after}\n"
    )
    # A line more or a thread more may be needed just now.
    assert after.files <= before.files + 2
    assert after.threads <= before.threads + 2
    assert len(after.keys) <= KEYS
    assert growth < (1 if mass >= 1_000_000 else 100)


async def test_what_is_due_at_once_is_moved_in_small_pieces_and_in_order(
    roomy: RealServer, looking: "redis.Redis", mass: int, *, is_long: bool
) -> None:
    """Order is that of the sorted set: by their bytes, where all have one time."""
    Stock(roomy.unix_url).later("made", mass)
    looking.zunionstore("due", {"made": 0})
    looking.unlink("made")
    expected = list(numbers(looking.zrange, "due", mass))
    looking.sadd("paused", "default")
    looking.rename("due", "schedule")
    looking.config_resetstat()
    looking.slowlog_reset()
    cpu = cpu_of(looking)
    async with open_child("work", roomy.unix_url, CONCURRENCY) as child:
        began = time.monotonic()
        with (
            RealServer() as idle,
            Bystander(idle.unix_url) as spared,
            Bystander(roomy.unix_url) as bystander,
        ):
            while looking.exists("schedule"):  # noqa: ASYNC110 - nobody tells us.
                await trio.sleep(0.05)
            seconds = time.monotonic() - began
        spent = cpu_of_process(child.process.pid) + cpu_of(looking) - cpu
    scripts = Scripts.read(looking, since=cpu)

    sys.stdout.write(
        f"{mass:,} moved in {seconds:.1f} s, of which both had the processor for "
        f"{spent:.1f}, by {scripts}; 99 of 100 PINGs of another took "
        f"{bystander.p99:.1f} ms, and {spared.p99:.1f} on a server without jobs\n"
    )
    # The newest is on the left.
    assert list(numbers(looking.lrange, "queue:default", mass)) == expected[::-1]
    assert scripts.calls >= mass / 200
    # On a machine of their own they take no longer than this.
    assert spent <= 60
    assert scripts.cpu <= 5
    if is_long:
        # Others may use the machine: what an idle server has to wait is theirs.
        assert bystander.p99 <= 10 + spared.p99


def numbers(
    read: Callable[[str, int, int], Any], key: str, count: int
) -> Iterator[int]:
    """Give the numbers of the jobs in *key*, some thousand in one round trip."""
    for start in range(0, count, 10_000):
        for payload in read(key, start, start + 9_999):
            yield json.loads(payload)["args"][0]
