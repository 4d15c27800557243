"""A client on an unkind server, with the store's scripts."""

from collections.abc import AsyncIterator

import pytest

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.clock import TrioClock
from tests.unkind import UnkindServer


@pytest.fixture
def unkind(clock: TrioClock) -> UnkindServer:
    return UnkindServer(clock)


@pytest.fixture
async def redis(unkind: UnkindServer) -> AsyncIterator[Redis]:
    async with open_redis(unkind, scripts=SCRIPTS, random=lambda: 0.5) as redis:
        await redis.wait_up()
        yield redis
