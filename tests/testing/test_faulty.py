"""A way to Redis on which everything goes wrong that one wants to go wrong."""

from contextlib import suppress
from random import Random

import pytest
import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError
from redis.exceptions import TimeoutError as RedisTimeoutError
from trio.testing import MockClock

from kiq_trio import ConfigError, Kiq, worker
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.remote import RemoteServer
from kiq_trio._wire.servers import server_from_url
from kiq_trio.testing import Fate, FaultyServer, by_chance
from kiq_trio.timing import Timing

LOSSES: list[Fate] = ["request lost", "reply lost", "silence", "late"]


async def ask(redis: Redis, *command: str) -> None:
    with suppress(RedisConnectionError):
        await redis.raw(*command)


async def count_after(fate: Fate, *, later: float = 0.0) -> int:
    """Send one INCR with that fate; return what is counted, maybe a while later."""
    server = FaultyServer()
    async with open_redis(server) as redis, open_redis(server.door()) as other:
        await redis.wait_up()
        server.fate = lambda _: fate
        try:
            await redis.raw("INCR", "counter")
        except (RedisConnectionError, RedisTimeoutError):
            assert fate in LOSSES
        else:
            assert fate not in LOSSES
        await trio.sleep(later)
        return int(await other.raw("GET", "counter") or 0)


@pytest.mark.parametrize(
    ("fate", "at_once", "later"),
    [
        ("delivered", 1, 1),
        ("request lost", 0, 0),
        ("reply lost", 1, 1),
        ("silence", 1, 1),
        ("late", 0, 1),
        ("twice", 1, 2),
    ],
)
async def test_each_fate_is_what_it_says(
    autojump_clock: MockClock, fate: Fate, at_once: int, later: int
) -> None:
    assert await count_after(fate) == at_once
    assert await count_after(fate, later=31) == later


async def test_a_silent_line_is_given_up_after_the_command_timeout(
    autojump_clock: MockClock,
) -> None:
    server = FaultyServer()
    async with open_redis(server, command_timeout=3) as redis:
        await redis.wait_up()
        server.fate = lambda _: "silence"
        began = trio.current_time()
        with pytest.raises(RedisTimeoutError):
            await redis.raw("PING")

        assert trio.current_time() - began == pytest.approx(3)


async def test_latency_is_felt_on_both_ways(autojump_clock: MockClock) -> None:
    server = FaultyServer(latency=lambda: 0.2)
    async with open_redis(server) as redis:
        await redis.wait_up()
        began = trio.current_time()
        await redis.raw("PING")

        assert trio.current_time() - began == pytest.approx(0.4)


async def test_what_was_sent_arrives_though_its_process_has_died(
    autojump_clock: MockClock,
) -> None:
    server = FaultyServer(latency=lambda: 0.2)
    async with open_redis(server) as redis, open_redis(server.door()) as other:
        await redis.wait_up()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, redis, "INCR", "counter")
            await trio.sleep(0.1)
            server.die()
            nursery.cancel_scope.cancel()
        await trio.sleep(1)

        assert await other.raw("GET", "counter") == b"1"


async def test_what_is_on_its_way_is_lost_with_a_cut(autojump_clock: MockClock) -> None:
    server = FaultyServer(latency=lambda: 0.2)
    async with open_redis(server) as redis, open_redis(server.door()) as other:
        await redis.wait_up()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, redis, "INCR", "counter")
            await trio.sleep(0.1)
            server.cut()
        await redis.raw("INCR", "afterwards")

        assert await other.raw("GET", "counter") is None
        assert await other.raw("GET", "afterwards") == b"1"


async def test_a_command_that_waits_is_unblocked_through_the_way(
    autojump_clock: MockClock,
) -> None:
    server = FaultyServer(latency=lambda: 0.01)
    async with open_redis(server) as redis:
        with trio.move_on_after(1) as scope:
            await redis.block(("BLPOP", "nothing", 60), timeout=60)
        assert scope.cancelled_caught
        await redis.raw("RPUSH", "nothing", "1")

        assert await redis.raw("LLEN", "nothing") == 1


async def test_what_redis_does_not_know_is_refused_at_once() -> None:
    async with open_redis(FaultyServer()) as redis:
        with pytest.raises(DataError, match="got NoneType"):
            await redis.raw("SET", "key", None)


async def test_a_line_that_redis_kills_is_dead(autojump_clock: MockClock) -> None:
    async with open_redis(FaultyServer()) as redis:
        with pytest.raises(RedisConnectionError):
            await redis.raw("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")

        assert await redis.raw("PING") == b"PONG"


async def test_a_job_is_enqueued_once_and_run_once_on_a_bad_way(
    autojump_clock: MockClock,
) -> None:
    done: list[int] = []

    @worker()
    async def note(number: int) -> None:
        done.append(number)

    random = Random(7).random
    server = FaultyServer(latency=lambda: 0.01)
    async with Kiq(redis_url=server, workers=[note], timing=Timing()) as kiq:
        server.fate = by_chance(random, dict.fromkeys(LOSSES, 0.05))
        await kiq.enqueue_many([note.new(number) for number in range(50)])
        with server.outage():
            await trio.sleep(60)
        await kiq.wait_idle()
        server.fate = lambda _: "delivered"

    assert sorted(done) == list(range(50))


async def test_jobs_of_a_process_that_died_are_run_by_another(
    autojump_clock: MockClock,
) -> None:
    """As the guide tells it."""
    ended = trio.Event()
    started = trio.Event()

    @worker()
    async def nap() -> None:
        started.set()
        await trio.sleep(10)
        ended.set()

    one = FaultyServer()
    other = one.door()
    async with trio.open_nursery() as nursery:
        doomed = Kiq(redis_url=one, workers=[nap], timing=Timing())
        nursery.start_soon(doomed.run)
        async with Kiq(redis_url=other, server=False) as client:
            await client.enqueue(nap.new())
            await started.wait()
            one.die()
            nursery.cancel_scope.cancel()

    assert not ended.is_set()
    async with Kiq(redis_url=other, workers=[nap], timing=Timing()):
        with trio.fail_after(60):
            await ended.wait()


def test_a_seed_gives_the_same_fates_again() -> None:
    def choose() -> list[Fate]:
        fate = by_chance(Random(3).random, {"late": 0.3, "silence": 0.3})
        return [fate(()) for _ in range(50)]

    assert choose() == choose()
    assert set(choose()) == {"delivered", "late", "silence"}


@pytest.mark.parametrize(
    ("chances", "complaint"),
    [
        ({"eaten": 0.1}, "fates are delivered, .* got 'eaten'"),
        ({"late": 1.5}, "late must be from 0 to 1, got 1.5"),
        ({"late": 0.7, "twice": 0.7}, "must be 1 at most together"),
    ],
)
def test_chances_that_cannot_be_are_refused(
    chances: dict[Fate, float], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        by_chance(Random(1).random, chances)


def test_only_a_server_in_the_process_can_be_made_bad() -> None:
    server = server_from_url("redis://localhost")
    assert isinstance(server, RemoteServer)

    with pytest.raises(ConfigError, match="must be a memory:// server, got redis"):
        FaultyServer(server)
