"""Many at once: clients that come back, tasks that give up, processes that race."""

import random
import sys
from bisect import bisect_left
from contextlib import AsyncExitStack

import pytest
import trio

from kiq_trio import Kiq
from kiq_trio._wire.client import Redis
from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.enqueueing import store
from tests.faults.herd import Herd
from tests.faults.inside import places
from tests.faults.proxy import open_proxy
from tests.faults.waiting import wait_drained
from tests.faults.worker_process import make_job
from tests.wire.clients import open_client, until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

CLIENTS = 200
WINDOW = 0.1


async def test_two_hundred_clients_do_not_come_back_in_step(
    durable: DurableServer, *, is_long: bool
) -> None:
    """Of all attempts from the loss to the return no tenth of a second has many."""
    outage = 30.0 if is_long else 6.0
    clients: list[Redis] = []
    async with open_proxy(durable.path) as proxy, AsyncExitStack() as stack:
        for _ in range(CLIENTS):
            client = await stack.enter_async_context(open_client(proxy.url))
            await client.wait_up()
            clients.append(client)
        proxy.arrivals.clear()
        proxy.is_refusing = True
        for line in list(proxy.lines):
            line.end()
        await trio.sleep(outage)
        proxy.mend()
        back_at = trio.current_time()
        await until(lambda: all(client.state == "up" for client in clients))
        took = trio.current_time() - back_at
        arrivals = list(proxy.arrivals)

    busiest = max(
        bisect_left(arrivals, at + WINDOW) - number
        for number, at in enumerate(arrivals)
    )
    sys.stdout.write(
        f"{len(arrivals)} attempts in {outage:g} s, {busiest} of them in one tenth of "
        f"a second; all were back after {took:.2f} s\n"
    )
    assert busiest <= 0.15 * len(arrivals)
    # A second at most between two attempts of one client.
    assert len(arrivals) <= CLIENTS * (outage + 2) * 3
    assert took <= 2


async def test_five_hundred_tasks_that_give_up_store_their_jobs_once_or_not_at_all(
    durable: DurableServer, client: Client, rng: random.Random
) -> None:
    told: list[str] = []

    async def enqueue(kiq: Kiq) -> None:
        job = make_job("nap", 0)
        with trio.move_on_after(rng.choice([0.0, 0.001, 0.01, 0.05, 5.0])):
            await kiq.enqueue(job, in_=rng.choice([None, 3600.0]))
            told.append(job.jid)

    async with (
        Kiq(redis_url=durable.unix_url, server=False) as kiq,
        trio.open_nursery() as nursery,
    ):
        for _ in range(500):
            nursery.start_soon(enqueue, kiq)
            await trio.sleep(rng.choice([0.0, 0.0, 0.0, 0.002]))

    found = places(client)
    assert set(told) <= found.keys()
    assert {len(where) for where in found.values()} == {1}
    assert 100 < len(told) < 500, "some gave up, some did not"


def test_processes_that_race_for_what_is_due_move_each_job_once(
    durable: DurableServer, client: Client, herd: Herd, *, is_long: bool
) -> None:
    count = 100_000 if is_long else 5000
    jids = store(durable.unix_url, [make_job("nap", 0) for _ in range(count)], in_=2)
    for _ in range(5):
        herd.work(queues={"default": 20})
    wait_drained(client, timeout=120)
    herd.stop()

    verdict = audit(World.read(client), herd.history, jids)
    sys.stdout.write(f"{verdict}\n")
    verdict.assert_sound()
    assert verdict.where == {"done": count}
    assert verdict.history.extra == 0
