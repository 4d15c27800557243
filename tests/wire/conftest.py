"""Clients and servers for tests of the wire."""

from collections.abc import AsyncIterator, Iterator

import pytest

from kiq_trio._wire.client import Redis
from tests.servers import RealServer
from tests.wire.clients import open_client


@pytest.fixture
def empty_server(real_server: RealServer) -> RealServer:
    """The suite's Redis, with nothing in it."""
    with real_server.client() as client:
        client.flushall()
        client.script_flush()
    return real_server


@pytest.fixture
def own_server() -> Iterator[RealServer]:
    """A Redis that the test may kill."""
    with RealServer() as server:
        yield server


@pytest.fixture
async def redis(empty_server: RealServer) -> AsyncIterator[Redis]:
    """A connected client of `empty_server`."""
    async with open_client(empty_server.unix_url) as client:
        await client.wait_up()
        yield client
