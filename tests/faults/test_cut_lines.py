"""Lines that end at any byte, and copies that come late, cost and double no job."""

import random
from pathlib import Path

import pytest
import trio

from kiq_trio import Kiq
from tests.faults.audit import Client
from tests.faults.durable import DurableServer
from tests.faults.fates import Gate, befalls, cut_after, name_of, one_of, reset_after
from tests.faults.inside import Runs, note, places, steps, working
from tests.faults.proxy import Command, Fate, Passage, delivered, open_proxy
from tests.wire.clients import until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

CALLS = ["enqueue", "schedule", "fetch", "HDEL", "settle", "move"]
"""What a job goes through, from the one who enqueues it to its end."""


class Measure:
    """Lets everything pass, and remembers how long it was."""

    def __init__(self) -> None:
        self.lengths: dict[str, int] = {}

    def __call__(self, command: Command, _: bytes = b"") -> Fate:
        name = name_of(command)

        async def measure(passage: Passage) -> None:
            self.lengths[name] = max(self.lengths.get(name, 0), len(passage.frame))
            await delivered(passage)

        return measure


async def pass_through(kiq: Kiq, runs: Runs, token: object, name: str) -> None:
    """Let a job go through all there is to go through for the call *name*."""
    in_ = 0.01 if name in {"schedule", "move"} else None
    await kiq.enqueue(note(token, failures=name == "settle"), in_=in_)
    await until(lambda: runs.ended[str(token)])
    await kiq.wait_idle()


@pytest.mark.parametrize("way", ["on_request", "on_reply"])
@pytest.mark.parametrize("name", CALLS)
async def test_a_line_that_is_cut_at_any_byte_costs_and_doubles_no_job(
    durable: DurableServer, client: Client, name: str, way: str, *, is_long: bool
) -> None:
    runs, measure = Runs(), Measure()
    async with open_proxy(durable.path) as proxy, working(proxy.url, runs) as kiq:
        setattr(proxy, way, measure)
        await pass_through(kiq, runs, "measure", name)
        cuts = steps(measure.lengths[name], is_long=is_long)
        for length in cuts:
            setattr(proxy, way, befalls(cut_after(length), name, times=1))
            await pass_through(kiq, runs, length, name)

    assert places(client) == {}
    assert set(runs.ended.values()) == {1}
    assert set(runs.begun.values()) == {2 if name == "settle" else 1}
    assert len(runs.ended) == len(cuts) + 1
    assert len(proxy.arrivals) >= len(cuts), "lines were cut"


@pytest.mark.parametrize("name", CALLS)
async def test_a_copy_that_comes_after_all_is_over_does_nothing(
    durable: DurableServer, client: Client, name: str
) -> None:
    runs, gate = Runs(), Gate()
    async with open_proxy(durable.path) as proxy, working(proxy.url, runs) as kiq:
        await kiq.redis.ping()
        proxy.on_request = befalls(gate, name, times=1)
        await pass_through(kiq, runs, "late", name)
        assert gate.held, "its sender has given up, and asked again"
        assert places(client) == {}
        queues = client.smembers("queues")

        gate.is_open = True
        await until(lambda: not gate.held)
        await trio.sleep(0.1)
        assert places(client) == {}
        assert client.smembers("queues") == queues
        await pass_through(kiq, runs, "next", name)

    assert runs.ended == {"late": 1, "next": 1}


async def test_a_storm_of_resets_costs_no_job_and_leaks_no_socket(
    durable: DurableServer, client: Client, rng: random.Random, *, is_long: bool
) -> None:
    count, sent = 2000 if is_long else 300, 0
    runs = Runs()
    async with open_proxy(durable.path) as proxy, working(proxy.url, runs) as kiq:
        await pass_through(kiq, runs, "first", "move")
        before, calm = open_files(), len(proxy.arrivals)
        proxy.on_request = one_of({reset_after(0): 0.03, reset_after(30): 0.03}, rng)
        proxy.on_reply = one_of({reset_after(0): 0.03, reset_after(3): 0.03}, rng)
        # Many share a write, and few writes are hit: until there has been a storm.
        while sent < count or len(proxy.arrivals) <= calm + 10:
            async with trio.open_nursery() as nursery:
                for number in range(sent, sent + 100):
                    in_ = rng.choice([None, 0.1])
                    nursery.start_soon(enqueue, kiq, number, in_)
            sent += 100
        await until(lambda: len(runs.ended) == sent + 1, within=30)
        proxy.mend()
        await kiq.wait_idle()
        await until(lambda: open_files() <= before + 4)

    assert places(client) == {}
    assert set(runs.ended.values()) == {1}


async def enqueue(kiq: Kiq, token: object, in_: float | None) -> None:
    await kiq.enqueue(note(token), in_=in_)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
