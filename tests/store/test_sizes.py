"""Keys are as small as the documentation says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiq_trio._store.keys import ORDERS, SCHEDULE, backup_key, flush_key, queue_key
from kiq_trio._store.keys import unique_key as lock_key
from kiq_trio._store.ordering import Order, give
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.address import Address
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.remote import RemoteServer
from kiq_trio.job import Job
from tests.servers import RealServer

pytestmark = pytest.mark.server

PAGE = (Path(__file__).parents[2] / "docs" / "keys.md").read_text()
COUNT = 1_000
ME = "a-host-of-some-name:12345:0123456789abcdef01234567"


@pytest.fixture
def client(real_server: RealServer) -> Iterator[Any]:
    with real_server.client() as client:
        client.flushall()
        yield client


def promised(what: str) -> int:
    """Return the number in the row of the page that begins with *what*."""
    [number] = re.findall(
        rf"^\| {re.escape(what)} *\| ([\d,]+) \|$", PAGE, re.MULTILINE
    )
    return int(number.replace(",", ""))


def payloads() -> list[bytes]:
    made = (
        Job(job_class="Mailer", args=[42, "welcome"], jid=f"{n:024x}")
        for n in range(COUNT)
    )
    return [job.encode() for job in made]


def size(client: Any, key: str) -> int:
    taken: int = client.memory_usage(key, samples=0)
    return taken


def per_job(client: Any, key: str) -> float:
    return size(client, key) / COUNT - len(payloads()[0])


def test_a_job_in_a_queue_is_hardly_more_than_its_payload(client: Any) -> None:
    client.lpush(queue_key("mail"), *payloads())

    assert per_job(client, queue_key("mail")) <= promised("a job in a queue")


def test_a_job_in_a_set_costs_no_more_than_its_time_and_its_place(client: Any) -> None:
    due = {payload: 1.8e9 + n / 3 for n, payload in enumerate(payloads())}
    client.zadd(SCHEDULE, due)

    limit = promised("a job in `schedule`, `retry` or `dead`")
    assert per_job(client, SCHEDULE) <= limit


def test_a_job_that_runs_costs_no_more_than_its_delivery(client: Any) -> None:
    held = {f"mail-0.{n}.0": b"mail\n" + one for n, one in enumerate(payloads())}
    client.hset(backup_key(ME), mapping=held)

    limit = promised(r"a job that runs, in `kiq:backup\|ID`")
    assert per_job(client, backup_key(ME)) <= limit


def test_locks_and_markers_are_small(client: Any) -> None:
    lock, marker = lock_key("0" * 64), flush_key(f"{'0' * 24}:queue:mail")
    client.set(lock, "0" * 24, px=1_000_000)
    client.set(marker, "12345", ex=1_000)

    assert size(client, lock) <= promised("a lock `kiq:unique:TOKEN`")
    assert size(client, marker) <= promised(r"a marker `kiq:flush\|LANE`")


async def test_orders_do_not_grow_without_end(
    client: Any, real_server: RealServer
) -> None:
    server = RemoteServer(Address.from_url(real_server.unix_url))
    async with open_redis(server, scripts=SCRIPTS) as redis:
        for n in range(3_000):
            order = Order(kind="cancel", subject=f"{n:024x}", reason="old", at=1.8e9)
            await give(redis, order)

    assert size(client, ORDERS) <= promised("all of `kiq:orders`")
