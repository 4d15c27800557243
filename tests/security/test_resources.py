"""What anybody can make us hold or do, and where it ends."""

import stat
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Kiq, Queue, QueueFull, worker
from kiq_trio._store.commands import COMMANDS, COMMANDS_OF_SCRIPTS
from kiq_trio._store.fetching import MOST_JOBS
from kiq_trio._store.keys import ORDERS, PROCESSES
from kiq_trio._wire.binary import _candidates
from kiq_trio._wire.embedded import EmbeddedServer
from kiq_trio.errors import BufferFull, JobTimeoutError
from kiq_trio.events import Ended, Failed
from tests.journey.conftest import KiqMaker, Recorder

MANY = 20_000


@worker(name="fine")
async def fine() -> None: ...


async def test_the_buffer_ends_where_it_was_told_to(make_kiq: KiqMaker) -> None:
    """S36: of `enqueue_nowait`, and of `enqueue` that may not wait."""
    async with make_kiq(server=False, buffer_limit=10, on_full="raise") as kiq:
        for _ in range(10):
            kiq.enqueue_nowait(fine.new())
        with pytest.raises(BufferFull):
            kiq.enqueue_nowait(fine.new())


async def test_a_queue_ends_where_it_was_told_to(make_kiq: KiqMaker) -> None:
    """S36: whoever enqueues waits, or is told."""
    queues = {"default": Queue(max_size=2)}
    async with make_kiq(server=False, queues=queues, on_full="raise") as kiq:
        for _ in range(2):
            await kiq.enqueue(fine.new())
        with pytest.raises(QueueFull):
            await kiq.enqueue(fine.new())


async def test_no_more_is_fetched_than_can_be_begun(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    """S36: a flood stays in Redis, where other processes can take it."""

    @worker(name="slow")
    async def slow() -> None:
        await trio.sleep(1_000)

    async with make_kiq(workers=[slow], queues={"default": 3}) as kiq:
        await kiq.enqueue_many([slow.new() for _ in range(MOST_JOBS)])
        await trio.sleep(10)
        assert await kiq.redis.raw("LLEN", "queue:default") >= MOST_JOBS - 2 * 3
        await kiq.redis.raw("DEL", "queue:default")
        await trio.sleep(2_000)


async def test_a_flood_of_strange_queues_names_and_orders_stops_nobody(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    """S36: twenty thousand processes that are none, queues, graves and orders."""
    async with make_kiq(server=False) as kiq:
        for start in range(0, MANY, 1_000):
            names = [f"host:{n}:x" for n in range(start, start + 1_000)]
            await kiq.redis.raw("SADD", "processes", *names)
            await kiq.redis.raw("SADD", "queues", *names)
            await kiq.redis.raw("ZADD", "retry", *_scored(names))
        pairs = [f"{key}" for n in range(1_000) for key in (f"f{n}", "junk")]
        await kiq.redis.raw("HSET", PROCESSES, *pairs)
        for n in range(2_000):
            await kiq.redis.raw(
                "XADD", ORDERS, "*", "kind", "cancel", "subject", f"j{n}"
            )
        await kiq.redis.raw("XADD", ORDERS, "*", "\xff", "x" * 100_000)
    async with make_kiq(workers=[fine]) as kiq:
        with trio.fail_after(100):
            await kiq.enqueue(fine.new())
            await recorder.heard("Succeeded")
        await trio.sleep(200)
        await kiq.enqueue(fine.new())
        await recorder.heard("Succeeded", times=2)


def _scored(names: list[str]) -> list[object]:
    return [part for name in names for part in (9e9, name)]


def test_no_command_of_ours_takes_a_whole_key_space_at_once() -> None:
    """S36: what looks at all keys, or stops the server meanwhile, is not sent."""
    sent = {*COMMANDS, *COMMANDS_OF_SCRIPTS}
    assert sent.isdisjoint({"KEYS", "SORT", "FLUSHALL", "FLUSHDB", "MONITOR", "SAVE"})
    assert sent.isdisjoint({"CONFIG", "DEBUG", "MODULE", "SHUTDOWN", "CLIENT|KILL"})


async def test_a_job_ends_when_its_time_is_up(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    """S37: `timeout` of a worker; its memory is the container's to limit."""

    @worker(name="long", timeout=5)
    async def long() -> None:
        await trio.sleep_forever()

    async with make_kiq(workers=[long]) as kiq:
        await kiq.enqueue(long.new())
        event = await recorder.heard("Failed")
    assert isinstance(event, Ended)
    assert isinstance(event.outcome, Failed)
    assert isinstance(event.outcome.error, JobTimeoutError)


@pytest.mark.server
async def test_a_server_of_ones_own_leaves_no_file_to_others(tmp_path: Path) -> None:
    """S40: folder, socket, locks and data are their owner's alone."""
    if next(_candidates(), None) is None:
        pytest.skip("no server is here to be started")
    folder = tmp_path / "state"
    async with Kiq(redis_url=f"embedded://{folder}", server=False) as kiq:
        await kiq.enqueue(fine.new())
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for path in folder.rglob("*"):
            mode = path.lstat().st_mode
            assert not stat.S_ISLNK(mode), path
            assert not mode & stat.S_IWOTH or stat.S_ISSOCK(mode), path
            if stat.S_ISSOCK(mode):
                assert stat.S_IMODE(mode) == 0o700


def test_whoever_laid_a_link_where_a_lock_will_be_gets_nothing(tmp_path: Path) -> None:
    """S40: a lock is a file of its own; what a link points to is not opened."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    target = tmp_path / "precious"
    (folder / "lock").symlink_to(target)
    (folder / "gate").symlink_to(target)

    async def main() -> None:
        async with EmbeddedServer(folder).running():
            pass

    with pytest.raises(OSError, match="symbolic"):
        trio.run(main)
    assert not target.exists()
