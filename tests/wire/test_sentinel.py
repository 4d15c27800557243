"""Finding the primary through Sentinels."""

import asyncio
import time
from collections.abc import Iterator

import pytest
import trio

from kiq_trio._wire.address import Address
from kiq_trio._wire.remote import RemoteServer
from kiq_trio.clients import AsyncioClient, SyncClient
from tests.servers import RealServer
from tests.wire.clients import open_client, open_impostor, until

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def pair() -> Iterator[tuple[RealServer, RealServer]]:
    with RealServer(repl_diskless_sync_delay=0) as primary:
        follow = f"127.0.0.1 {primary.port}"
        with RealServer(replicaof=follow) as replica:
            yield primary, replica


@pytest.fixture
def sentinel(pair: tuple[RealServer, RealServer]) -> Iterator[RealServer]:
    primary, replica = pair
    with replica.client() as client:
        while client.info("replication")["master_link_status"] != "up":
            time.sleep(0.01)
    watched = [
        f"monitor jobs 127.0.0.1 {primary.port} 1",
        "down-after-milliseconds jobs 300",
        "failover-timeout jobs 3000",
    ]
    with RealServer(mode="--sentinel", sentinel=watched, requirepass="sp") as sentinel:
        yield sentinel


async def enqueue(url: str) -> None:
    async with AsyncioClient(url) as client:
        await client.enqueue({"class": "Job"})


async def test_a_failover_is_followed(
    pair: tuple[RealServer, RealServer], sentinel: RealServer
) -> None:
    primary, replica = pair
    # The first Sentinel is not there; the second is asked.
    url = (
        f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/jobs/0"
        "?sentinel_password=sp"
    )
    async with open_client(url, command_timeout=1) as redis:
        assert await redis.set("a", 1) is True
        assert (await redis.config_get("port"))["port"] == str(primary.port)
        sync = RemoteServer(Address.from_url(url)).connect_sync(timeout=1)
        with sync:
            assert sync.get("a") == b"1"
        with SyncClient(url) as client:
            await trio.to_thread.run_sync(client.enqueue, {"class": "Job"})
        await trio.to_thread.run_sync(asyncio.run, enqueue(url))
        assert await redis.llen("queue:default") == 2
        with sentinel.client() as asked:
            await until(
                lambda: asked.sentinel_slaves("jobs"),
                within=15,
            )

        primary.kill()
        await until(lambda: redis.state == "down")
        with trio.fail_after(30):
            assert await redis.set("b", 2) is True

        assert (await redis.config_get("port"))["port"] == str(replica.port)


async def test_a_sentinel_that_does_not_know_the_service_is_told_apart(
    sentinel: RealServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_impostor() as silent:
        silent.hello = b""
        port = silent.url.rpartition(":")[2]
        url = f"redis+sentinel://:x@127.0.0.1:{port},127.0.0.1:{sentinel.port}/nobody"
        async with open_client(url, command_timeout=0.4) as redis:
            await until(lambda: redis.state == "down")

    assert "no Sentinel knows the primary of 'nobody'" in caplog.text
    assert "NOAUTH" in caplog.text or "Authentication required" in caplog.text
