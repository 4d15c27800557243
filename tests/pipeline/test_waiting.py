"""While a producer waits, its next fetch waits in Redis: no job gets lost in there."""

import random as chance
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._background import open_service_nursery
from kiq_trio._store.registering import leave, register
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.address import Address
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.remote import RemoteServer
from kiq_trio._wire.slot import Command
from tests.pipeline.producers import Work, bury_me, working
from tests.servers import RealServer
from tests.unkind import Fate, UnkindServer


def is_wait(commands: Sequence[Command]) -> bool:
    return commands[0][0] == "BLMOVE"


async def test_a_lone_job_costs_one_round_trip_to_us(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with working(redis) as work:
        await trio.sleep(1)
        unkind.asked.clear()
        await work.push(1)
        await trio.sleep(0.1)

        assert work.taken == [1]
        assert [command[0] for command in unkind.asked] == [
            "LPUSH",
            "BLMOVE",
            "EVALSHA",
        ]


async def test_of_many_jobs_a_wait_takes_two_and_the_next_fetch_the_others(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with working(redis, consumers=5) as work:
        await trio.sleep(1)
        unkind.asked.clear()
        await work.push(*range(10))
        await trio.sleep(0.1)

        assert work.taken == [0, 1, 2, 3, 4]
        assert [command[0] for command in unkind.asked] == ["LPUSH", "EVALSHA"]


async def test_consumers_begin_before_the_next_wait_is_sent(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with working(redis) as work:
        await trio.sleep(1)
        unkind.asked.clear()
        await work.push(1)
        while not work.taken:
            assert not any(is_wait([command]) for command in unkind.asked)
            await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("trouble", ["quiet", "suspended"])
async def test_what_comes_after_we_may_fetch_no_more_goes_back_at_once(
    autojump_clock: MockClock, redis: Redis, trouble: str
) -> None:
    async with working(redis) as work:
        await trio.sleep(1)
        if trouble == "quiet":
            work.lease.is_quiet = True
        else:
            work.lease.suspend()
        # At once: nobody has had his turn who could end the wait in Redis.
        await work.push(0, 1, 2)
        await trio.sleep(0.1)

        assert (work.taken, await work.held()) == ([], 0)
        assert await work.waiting() == [0, 1, 2]


@pytest.mark.parametrize("trouble", ["quiet", "suspended"])
async def test_what_a_wait_took_unheard_goes_back_when_we_may_fetch_no_more(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer, trouble: str
) -> None:
    def fate(commands: Sequence[Command]) -> Fate:
        return "unheard" if is_wait(commands) else "delivered"

    unkind.fate = fate
    async with working(redis) as work:
        await wait_all_tasks_blocked()
        await work.push(0, 1, 2)
        # No more than two: nobody can run them while we are blocked, or are dead.
        assert (await work.held(), work.taken) == (2, [])

        if trouble == "quiet":
            work.lease.is_quiet = True
        else:
            work.lease.suspend()
        await trio.sleep(5)

        assert (await work.held(), work.taken) == (0, [])
        assert await work.waiting() == [0, 1, 2]


async def test_what_a_wait_took_before_its_line_died_comes_with_the_next_fetch(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with working(redis) as work:
        await wait_all_tasks_blocked()
        unkind.fate = lambda commands: (
            "reply lost" if is_wait(commands) else "delivered"
        )
        work.done.release()
        # The first wait is under way; the one after it finds work, and nobody hears.
        await work.push(0)
        await work.push(1)
        await trio.sleep(5)

        assert work.taken == [0, 1]
        assert await work.held() == 2


async def test_a_wait_that_redis_still_holds_takes_nothing_after_it_was_given_up(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with working(redis) as work:
        unkind.fate = lambda commands: "unheard" if is_wait(commands) else "delivered"
        await trio.sleep(0.1)
        unkind.fate = lambda commands: "request lost"
        work.lease.is_quiet = True
        await trio.sleep(1.05)
        unkind.fate = lambda _: "delivered"
        await trio.sleep(0.5)
        await work.push(1)

        assert (await work.held(), await work.waiting()) == (0, [1])


@pytest.mark.parametrize("how", ["left", "buried"])
async def test_who_is_not_registered_any_more_gets_nothing_by_an_old_wait(
    autojump_clock: MockClock, redis: Redis, how: str
) -> None:
    async with working(redis) as work:
        await trio.sleep(1)
        if how == "left":
            await leave(redis, "me")
        else:
            await bury_me(redis)
        await work.push(1)
        await trio.sleep(5)
        assert (work.taken, await work.waiting(), await work.held()) == ([], [1], 0)

        await register(redis, "me again")
        work.lease.grant("me again")
        await trio.sleep(5)

        assert work.taken == [1]


async def test_a_queue_that_was_paused_while_we_waited_keeps_its_jobs(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with working(redis) as work:
        await trio.sleep(1)
        await redis.raw("SADD", "paused", "q")
        await work.push(1)
        await trio.sleep(60)
        assert (work.taken, await work.waiting()) == ([], [1])

        await redis.raw("SREM", "paused", "q")
        await trio.sleep(5)

        assert work.taken == [1]


async def test_with_fewer_consumers_than_when_the_wait_began_jobs_go_back(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with working(redis, consumers=2) as work:
        await trio.sleep(1)
        work.slots.send_home(1)
        await wait_all_tasks_blocked()
        await work.push(0, 1, 2)
        await trio.sleep(5)

        assert work.taken == [0]
        assert (await work.held(), await work.waiting()) == (1, [1, 2])


async def test_scripts_may_be_forgotten_while_we_wait(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with working(redis) as work:
        await trio.sleep(1)
        await redis.raw("SCRIPT", "FLUSH")
        await work.push(1)
        await trio.sleep(0.01)

        assert work.taken == [1]


async def test_where_waiting_is_refused_we_look_from_time_to_time(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    full = Exception("OOM command not allowed")
    async with working(redis) as work:
        unkind.refusal = lambda command: full if command[0] == "BLMOVE" else None
        await trio.sleep(10)
        unkind.asked.clear()
        await trio.sleep(10)
        assert len(unkind.asked) <= 42
        await work.push(1)
        await trio.sleep(0.8)

        assert work.taken == [1]


class Scissors:
    """Stands between us and a real server; cuts lines on which commands block."""

    def __init__(self, path: str, random: chance.Random) -> None:
        self.path = path
        self.random = random
        self.cuts = 0

    async def serve(self, client: trio.SocketStream) -> None:
        server = await trio.open_unix_socket(self.path)
        async with client, server, trio.open_nursery() as nursery:
            first = bytes(await client.receive_some())
            await server.send_all(first)
            pumps = [(client, server), (server, client)]
            may_cut = b"-blocking" in first
            victim = self.random.randrange(2)
            for place, (source, target) in enumerate(pumps):
                # The greeting is past after some 300 bytes from the server.
                left = self.random.randrange(900) if may_cut and place == victim else -1
                nursery.start_soon(self._pump, source, target, left, nursery)

    async def _pump(
        self,
        source: trio.SocketStream,
        target: trio.SocketStream,
        left: int,
        nursery: trio.Nursery,
    ) -> None:
        try:
            async for data in source:
                if 0 <= left <= len(data):
                    await target.send_all(data[:left])
                    self.cuts += 1
                    break
                await target.send_all(data)
                left -= len(data) if left > 0 else 0
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def through(scissors: Scissors) -> AsyncIterator[Redis]:
    async with open_service_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, scissors.serve, [listener])
        server = RemoteServer(Address.from_url(f"redis://127.0.0.1:{port}"))
        async with open_redis(server, scripts=SCRIPTS) as redis:
            yield redis


async def until_taken(work: Work, count: int) -> None:
    with trio.fail_after(30):
        while len(work.taken) < count:  # noqa: ASYNC110 - consumers tell nobody.
            await trio.sleep(0.002)


@pytest.mark.server
async def test_every_job_is_taken_once_wherever_a_waiting_line_is_cut(
    real_server: RealServer, rng: chance.Random
) -> None:
    rounds = 120
    with real_server.client() as client:
        client.flushall()
        client.script_flush()
    scissors = Scissors(str(real_server.path), rng)
    pushed = 0
    async with (
        through(scissors) as redis,
        working(redis, consumers=5, interval=0.005) as work,
    ):
        for _ in range(rounds):
            await trio.sleep(rng.random() * 0.01)
            some = range(pushed, pushed + rng.randint(1, 4))
            await work.push(*some)
            pushed += len(some)
            for _ in some:
                work.done.release()
            if rng.random() < 0.2:
                await trio.sleep(rng.random() * 0.002)
                work.lease.is_quiet = True
                await trio.sleep(rng.random() * 0.002)
                work.lease.is_quiet = False
        await until_taken(work, pushed)

        assert sorted(work.taken) == list(range(pushed))
        assert await work.waiting() == []
        assert scissors.cuts > rounds / 10
