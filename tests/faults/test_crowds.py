"""Two hundred clients whose server was away."""

import sys
from bisect import bisect_left
from contextlib import AsyncExitStack

import pytest
import trio

from kiq_trio._wire.client import Redis
from tests.faults.durable import DurableServer
from tests.faults.proxy import open_proxy
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
