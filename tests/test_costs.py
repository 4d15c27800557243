"""What a job costs in counts, held to bounds: a regression guard that times nothing.

The bounds lie a little above what was counted when they were last set; whoever makes
a job cheaper sets them lower. `python -m bench costs` prints the counts.
"""

from collections.abc import Awaitable, Callable

import pytest

from bench.child import resident
from bench.clock import Row
from bench.costs import count_draining, count_enqueueing
from bench.enqueue import in_bulk, noop, one_by_one
from bench.loads import PADDING
from kiq_trio import Kiq
from kiq_trio.job import Job
from kiq_trio.middleware import ServerNext
from tests.servers import RealServer

pytestmark = [pytest.mark.slow, pytest.mark.server]

# Per job. Counts of a drain vary by a tenth, since batches are as they come.
DRAIN: Row = {"writes": 0.06, "sent": 0.12, "calls": 31, "kept": 90, "peak": 190}
ONE_BY_ONE: Row = {"writes": 1.01, "sent": 1.01, "calls": 205, "kept": 20, "peak": 150}
IN_BULK: Row = {"writes": 0.006, "sent": 0.003, "calls": 24, "kept": 90, "peak": 6_000}


def exceeded(row: Row, bounds: Row) -> dict[str, str]:
    """Return what is above its bound; every bound has to be of something counted."""
    return {
        name: f"{row[name]:.3f} > {bound}"
        for name, bound in bounds.items()
        if row[name] > bound
    }


@pytest.fixture
def url(real_server: RealServer) -> str:
    with real_server.client() as client:
        client.flushall()
    return real_server.unix_url


async def test_draining_costs_no_more_than_it_did(url: str) -> None:
    assert exceeded(await count_draining(url), DRAIN) == {}


@pytest.mark.parametrize(
    ("way", "bounds"), [(one_by_one, ONE_BY_ONE), (in_bulk, IN_BULK)]
)
async def test_enqueueing_costs_no_more_than_it_did(
    url: str, way: Callable[[Kiq, int], Awaitable[None]], bounds: Row
) -> None:
    assert exceeded(await count_enqueueing(url, way), bounds) == {}


async def test_a_dearer_run_is_noticed(url: str) -> None:
    kept: list[bytes] = []

    async def dawdle(job: Job, call_next: ServerNext) -> object:
        kept.extend(bytes(100) for _ in range(30))
        return await call_next(job)

    row = await count_draining(url, server_middleware=[dawdle])

    assert {"calls", "kept", "peak"} <= set(exceeded(row, DRAIN))


async def test_a_question_more_for_each_job_is_noticed(url: str) -> None:
    async def ask_twice(kiq: Kiq, count: int) -> None:
        for _ in range(count):
            await kiq.redis.raw("PING")
        await in_bulk(kiq, count)

    row = await count_enqueueing(url, ask_twice)

    assert {"writes", "sent", "calls"} <= set(exceeded(row, IN_BULK))


def test_a_payload_that_is_kept_takes_hardly_more_memory_than_it_has_bytes() -> None:
    before = resident()
    payloads = [noop.new(n, PADDING).encode() for n in range(5_000)]

    assert resident() - before < 3 * sum(map(len, payloads))
