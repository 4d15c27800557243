"""A client with the store's scripts, on a server of either kind."""

from collections.abc import AsyncIterator

import pytest

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.seam import Server


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[Redis]:
    async with open_redis(server, scripts=SCRIPTS) as redis:
        await redis.wait_up()
        yield redis
