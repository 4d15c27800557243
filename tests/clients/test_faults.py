"""Clients whose Redis fails them: no job is stored twice, nor lost in silence."""

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, repeat
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ResponseError,
)
from redis.retry import Retry

from kiq_trio import Job, worker
from kiq_trio.clients import AsyncioClient, SyncClient
from kiq_trio.errors import UnknownOutcomeError
from tests.clients.callers import args_in
from tests.clients.conftest import Make
from tests.clients.lossy import LossyLine
from tests.servers import RealServer, free_port

pytestmark = pytest.mark.server


@worker()
async def count_up(n: int) -> None: ...


@worker(unique_for=60)
async def once(n: int) -> None: ...


@pytest.fixture
def own_server() -> Iterator[RealServer]:
    with RealServer(appendonly="yes", appendfsync="always") as server:
        yield server


@pytest.mark.parametrize("job", [count_up.new(7), once.new(7)], ids=["plain", "unique"])
@pytest.mark.parametrize("in_", [None, 60], ids=["queue", "schedule"])
def test_a_job_whose_reply_is_lost_is_stored_once(
    empty_server: RealServer, connect: Make, job: Job, in_: int | None
) -> None:
    losses = iter([True, True, True])
    line = LossyLine(empty_server.port, lambda: next(losses, False))

    with line.running():
        caller = connect(line.url)
        stored = caller.enqueue(job, in_=in_)

    assert (line.lost, stored.duplicate_of) == (3, None)
    with empty_server.client() as store:
        assert args_in(store) == ([] if in_ else [7])
        assert store.zcard("schedule") == (1 if in_ else 0)


def test_a_client_of_yours_may_try_again_by_itself(empty_server: RealServer) -> None:
    losses = iter([True] * 5)
    line = LossyLine(empty_server.port, lambda: next(losses, False))
    backoff = ConstantBackoff(0.001)

    with line.running(), redis.Redis.from_url(line.url, retry=Retry(backoff, 2)) as own:
        SyncClient(own).enqueue(count_up.new(7))

    assert line.lost == 5
    with empty_server.client() as store:
        assert args_in(store) == [7]


@pytest.mark.slow
def test_many_jobs_whose_replies_are_lost_are_stored_once(
    empty_server: RealServer, connect: Make
) -> None:
    numbers = count()
    line = LossyLine(empty_server.port, lambda: next(numbers) % 2 == 0)

    with line.running():
        caller = connect(line.url)
        caller.enqueue_many(map(count_up.new, range(5_000)))

    assert line.lost >= 5
    with empty_server.client() as store:
        assert args_in(store) == list(range(5_000))


def test_who_gives_up_is_told_that_the_outcome_is_unknown(
    empty_server: RealServer, connect: Make
) -> None:
    line = LossyLine(empty_server.port, lambda: True)
    first, second = count_up.new(1).set(jid="a"), once.new(2).set(jid="b")

    with line.running():
        caller = connect(line.url, timeout=0.2)
        with pytest.raises(UnknownOutcomeError) as caught:
            caller.enqueue_many([first, second.set(queue="other")])

    assert (caught.value.jids, caught.value.unstored) == (("a",), ("b",))
    assert "job a may or may not be stored" in str(caught.value)
    assert line.lost > 1
    with empty_server.client() as store:
        assert args_in(store) == [1]
        assert args_in(store, "other") == []


def test_a_unique_job_is_enqueued_again_after_an_unknown_outcome(
    empty_server: RealServer, connect: Make
) -> None:
    losses = repeat(True)  # noqa: FBT003
    line = LossyLine(empty_server.port, lambda: next(losses))

    with line.running():
        caller = connect(line.url, timeout=0.1)
        with pytest.raises(UnknownOutcomeError) as caught:
            caller.enqueue(once.new(1))
        losses = repeat(False)  # noqa: FBT003
        again = caller.enqueue(once.new(1))

    assert (again.duplicate_of,) == caught.value.jids
    with empty_server.client() as store:
        assert args_in(store) == [1]


def test_a_redis_that_is_not_there_leaves_the_outcome_unknown(connect: Make) -> None:
    caller = connect(f"redis://127.0.0.1:{free_port()}/0", timeout=0.1)

    with pytest.raises(UnknownOutcomeError) as caught:
        caller.enqueue(count_up.new(1))

    assert "onnect" in str(caught.value.__cause__)


def test_a_redis_that_hangs_is_given_up(own_server: RealServer, connect: Make) -> None:
    caller = connect(own_server.url, timeout=0.2)
    caller.enqueue(count_up.new(1))

    own_server.pause()
    with pytest.raises(UnknownOutcomeError):
        caller.enqueue(count_up.new(2))
    own_server.resume()
    caller.enqueue(count_up.new(3))

    with own_server.client() as store:
        # The second came when Redis woke, unless the third was faster.
        assert args_in(store) in ([1, 2, 3], [1, 3])


@pytest.mark.slow
def test_a_restart_of_redis_is_waited_for(
    own_server: RealServer, connect: Make
) -> None:
    caller = connect(own_server.url)
    caller.enqueue(count_up.new(1))

    own_server.kill()
    starter = threading.Timer(0.2, own_server.start)
    starter.start()
    caller.enqueue_many([count_up.new(2), count_up.new(3)])
    starter.join()

    with own_server.client() as store:
        assert args_in(store) == [1, 2, 3]


def test_a_flushed_script_cache_is_noticed_by_nobody(
    empty_server: RealServer, connect: Make
) -> None:
    caller = connect(empty_server.url)
    with empty_server.client() as store:
        for n in range(3):
            store.script_flush()
            job = caller.enqueue(once.new(n))
            store.script_flush()
            assert caller.unlock(once.new(n)) == job.jid

        assert args_in(store) == [0, 1, 2]


@pytest.mark.slow
def test_a_full_redis_is_waited_for_and_then_its_error_raised(
    own_server: RealServer, connect: Make
) -> None:
    caller = connect(own_server.url, timeout=0.2)
    with own_server.client() as store:
        store.config_set("maxmemory", "1")
        with pytest.raises(OutOfMemoryError):
            caller.enqueue(count_up.new(1))

        relief = threading.Timer(0.1, store.config_set, ["maxmemory", "0"])
        relief.start()
        caller.enqueue(count_up.new(2))
        relief.join()

        assert args_in(store) == [2]


def test_a_queue_that_is_no_list_keeps_back_no_other(
    empty_server: RealServer, connect: Make
) -> None:
    caller = connect(empty_server.url)
    with empty_server.client() as store:
        store.set("queue:broken", "text")

        with pytest.raises(ResponseError, match="WRONGTYPE"):
            caller.enqueue_many([count_up.new(1).set(queue="broken"), count_up.new(2)])

        assert args_in(store) == [2]


def test_who_is_not_let_in_is_told_at_once(connect: Make) -> None:
    users = ["default off", "web on >right ~* +@all -evalsha"]
    with RealServer(user=users) as server:
        host = f"127.0.0.1:{server.port}"
        wrong = connect(f"redis://web:wrong@{host}/0", timeout=None)
        weak = connect(f"redis://web:right@{host}/0", timeout=None)

        with pytest.raises(AuthenticationError):
            wrong.enqueue(count_up.new(1))
        with pytest.raises(NoPermissionError):
            weak.enqueue(count_up.new(1))
        with pytest.raises(AuthenticationError):
            wrong.find_lock_owner(once.new(1))


@pytest.mark.slow
def test_many_threads_share_a_client(empty_server: RealServer) -> None:
    numbers = count(1)
    line = LossyLine(empty_server.port, lambda: next(numbers) % 7 == 0)

    with line.running(), SyncClient(line.url) as client:

        def enqueue(thread: int) -> None:
            for n in range(40):
                client.enqueue(count_up.new(100 * thread + n))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(enqueue, range(8)))

    with empty_server.client() as store:
        args = args_in(store)
        lanes = store.keys("kiq:flush|*")
    assert line.lost > 20
    assert sorted(args) == sorted(100 * t + n for t in range(8) for n in range(40))
    for thread in range(8):
        own = [n for n in args if n // 100 == thread]
        assert own == sorted(own)
    assert len(lanes) <= 8


@pytest.mark.slow
def test_many_tasks_share_a_client(empty_server: RealServer) -> None:
    numbers = count(1)
    line = LossyLine(empty_server.port, lambda: next(numbers) % 7 == 0)

    async def main() -> None:
        async with AsyncioClient(line.url) as client, asyncio.TaskGroup() as group:
            for n in range(300):
                group.create_task(client.enqueue(count_up.new(n)))

    with line.running():
        asyncio.run(main())

    with empty_server.client() as store:
        assert sorted(args_in(store)) == list(range(300))


def test_a_pool_of_yours_that_is_too_small_is_waited_for(
    empty_server: RealServer,
) -> None:
    async def main() -> None:
        own = redis.asyncio.Redis.from_url(empty_server.url, max_connections=2)
        client = AsyncioClient(own)
        async with own, asyncio.TaskGroup() as group:
            for n in range(20):
                group.create_task(client.enqueue(count_up.new(n)))

    asyncio.run(main())

    with empty_server.client() as store:
        assert sorted(args_in(store)) == list(range(20))


def test_a_cancelled_call_leaves_its_client_usable(own_server: RealServer) -> None:
    async def main() -> None:
        async with AsyncioClient(own_server.url) as client:
            await client.enqueue(count_up.new(1))
            own_server.pause()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.enqueue(count_up.new(2))
            own_server.resume()
            await client.enqueue(count_up.new(3))

    asyncio.run(main())

    with own_server.client() as store:
        assert args_in(store) in ([1, 2, 3], [1, 3])


@pytest.mark.slow
def test_forked_processes_share_no_lane(empty_server: RealServer) -> None:
    program = Path(__file__).parent / "forking.py"

    done = subprocess.run(
        [sys.executable, "-W", "error", program, empty_server.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    with empty_server.client() as store:
        assert Counter(args_in(store)) == {"parent": 2, "child": 100}
        lanes = [int(store.get(lane) or 0) for lane in store.keys("kiq:flush|*")]
    assert sorted(lanes) == [2, 50, 50]
