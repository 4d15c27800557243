"""redis-py's own clients are of the place that an address says."""

import asyncio
from typing import Any

import pytest
from redis.asyncio.connection import SSLConnection as AsyncSSLConnection
from redis.connection import SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from kiq_trio._wire.address import Address
from kiq_trio._wire.redispy_clients import make_asyncio, make_sync
from tests.servers import RealServer, free_port


async def read_back(url: str) -> object:
    async with make_asyncio(Address.from_url(url), timeout=0.5) as client:
        await client.set("a", 1)
        return await client.get("a")


@pytest.mark.server
def test_a_client_for_asyncio_is_of_the_same_place() -> None:
    with RealServer(requirepass="s/p") as server:
        for url in (server.url, server.unix_url + "&protocol=2"):
            assert asyncio.run(read_back(url)) == b"1"


def test_a_client_for_asyncio_tries_once() -> None:
    with pytest.raises(RedisConnectionError):
        asyncio.run(read_back(f"redis://127.0.0.1:{free_port()}"))


def test_tls_is_as_the_address_says() -> None:
    url = "rediss://host/2?ssl_ca_certs=/ca.pem&ssl_check_hostname=false"
    address = Address.from_url(url)

    pools: list[Any] = [
        make_sync(address, timeout=1).connection_pool,
        make_asyncio(address, timeout=1).connection_pool,
    ]

    for pool, kind in zip(pools, (SSLConnection, AsyncSSLConnection), strict=True):
        options = pool.connection_kwargs
        assert pool.connection_class is kind
        assert (options["db"], options["ssl_ca_certs"]) == (2, "/ca.pem")
        assert (options["ssl_cert_reqs"], options["ssl_check_hostname"]) == (
            "required",
            False,
        )
