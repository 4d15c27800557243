"""A Redis that would throw jobs away is refused at the start."""

import pytest

from kiq_trio import Kiq, ServerUnfitError
from tests.servers import RealServer


@pytest.mark.server
async def test_a_server_that_evicts_keys_is_refused() -> None:
    with (
        RealServer(maxmemory_policy="allkeys-lru") as server,
        pytest.raises(ServerUnfitError, match="maxmemory-policy is 'allkeys-lru'"),
    ):
        async with Kiq(redis_url=server.unix_url):
            pytest.fail("its jobs would be thrown away")


@pytest.mark.server
async def test_a_server_that_keeps_everything_is_taken() -> None:
    with RealServer(maxmemory_policy="noeviction") as server:
        async with Kiq(redis_url=server.unix_url) as kiq:
            assert await kiq.redis.raw("HLEN", "kiq:processes") == 1
