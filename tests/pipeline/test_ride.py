"""What is done with travels in front of a fetch, and is lost by no accident."""

from collections.abc import Sequence

import pytest
import trio
from redis.exceptions import ConnectionError as RedisConnectionError
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._pipeline.ride import Ride
from kiq_trio._pipeline.runs import ACK, Run
from kiq_trio._store.fetching import Delivery, fetch
from kiq_trio._store.keys import backup_key
from kiq_trio._store.registering import register
from kiq_trio._store.settling import Retry, Settlement
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command
from tests.pipeline.producers import Work, working
from tests.pipeline.settlers import Scene, settling
from tests.unkind import Fate, UnkindServer

PING: Command = ("PING",)


class Writes:
    """What the server is sent, write by write, and what becomes of it."""

    def __init__(self, unkind: UnkindServer) -> None:
        self.seen: list[list[str]] = []
        self.fates: list[Fate] = []
        unkind.fate = self.decide

    def decide(self, commands: Sequence[Command]) -> Fate:
        self.seen.append([str(command[0]) for command in commands])
        return self.fates.pop(0) if self.fates else "delivered"


async def held(scene: Scene, settlement: Settlement = ACK) -> list[Delivery]:
    """Let two jobs end that wait for somebody who takes them along."""
    deliveries = await scene.hold(b"1", b"2")
    scene.settler.hold()
    scene.end(deliveries[0], settlement, "1")
    scene.end(deliveries[1], ACK, "2")
    await wait_all_tasks_blocked()
    return deliveries


async def test_what_is_done_with_travels_in_front_and_is_told_of_at_the_answer(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with settling(redis) as scene:
        writes = Writes(unkind)
        await held(scene)
        assert (writes.seen[2:], scene.settler.size) == ([], 2)

        replies = await Ride(redis, scene.settler).send([PING])

        assert (len(replies), scene.settler.size) == (1, 0)
        assert writes.seen[2:] == [["HDEL", "PING"]]
        assert await scene.held() == 0
        await trio.sleep(1)
        assert scene.ears.jids == ["1", "2"]


async def test_without_anything_to_take_along_a_ride_sends_what_it_was_given(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with settling(redis) as scene:
        writes = Writes(unkind)

        await Ride(redis, scene.settler).send([PING])

        assert writes.seen == [["PING"]]


async def test_what_goes_elsewhere_than_away_is_settled_as_ever(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with settling(redis) as scene:
        writes = Writes(unkind)
        await held(scene, Retry(1.8e9, b"1"))

        await Ride(redis, scene.settler).send([PING])
        await scene.settler.drained()

        assert ["PING"] in writes.seen
        assert await scene.held() == 0
        assert await redis.raw("ZRANGE", "retry", 0, -1) == [b"1"]


@pytest.mark.parametrize("fate", ["request lost", "reply lost"])
async def test_what_is_lost_on_the_way_is_settled_all_the_same(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
    fate: Fate,
) -> None:
    async with settling(redis) as scene:
        await held(scene)
        Writes(unkind).fates = [fate]

        with pytest.raises(RedisConnectionError, match=fate):
            await Ride(redis, scene.settler).send([PING])
        await scene.settler.drained()

        assert await scene.held() == 0
        await trio.sleep(1)
        assert scene.ears.jids == ["1", "2"]
    assert "ended too late" not in caplog.text


async def test_a_ride_that_is_given_up_leaves_its_passengers_to_the_settler(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with settling(redis) as scene:
        await held(scene)
        unkind.delay = 5.0
        with trio.move_on_after(1):
            await Ride(redis, scene.settler).send([PING])
        assert scene.settler.size == 2
        await scene.settler.drained()

        unkind.delay = 0.0
        assert (await scene.held(), scene.settler.size) == (0, 0)
    assert "ended too late" not in caplog.text


async def test_what_redis_does_not_drop_stays_ours_and_hinders_no_fetch(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with settling(redis) as scene:
        await held(scene)
        key = backup_key("me")
        await redis.raw("RENAME", key, "away")
        await redis.raw("SET", key, "a string")

        assert await Ride(redis, scene.settler).send([PING]) == [b"PONG"]
        await trio.sleep(60)
        assert scene.settler.size == 2
        await redis.raw("RENAME", "away", key)
        await scene.settler.drained()

        assert await scene.held() == 0


async def test_what_others_have_meanwhile_is_logged_as_having_ended_too_late(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    async with settling(redis) as scene:
        one, two = await held(scene)
        await redis.raw("DEL", backup_key("me"))

        await Ride(redis, scene.settler).send([PING])

    assert caplog.text.count("ended too late") == 2
    assert one.id in caplog.text
    assert two.id in caplog.text


async def test_what_is_held_under_two_names_is_settled_under_each(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with settling(redis) as scene:
        await held(scene)
        await redis.raw("RPUSH", "queue:q", b"3")
        await register(redis, "me again")
        [newer] = await fetch(
            redis, identity="me again", producer="q", call=2, queue="q", limit=1
        )
        scene.end(newer, ACK, "3")

        await Ride(redis, scene.settler).send([PING])
        await scene.settler.drained()

        assert await scene.held() == 0
        assert await redis.raw("HLEN", backup_key("me again")) == 0


async def test_a_settler_is_full_of_passengers_as_of_anything_else(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with settling(redis, limit=2) as scene:
        await held(scene)
        unkind.delay = 7.0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Ride(redis, scene.settler).send, [PING])
            await wait_all_tasks_blocked()
            assert scene.settler.is_full

            await scene.settler.room()

            assert trio.current_time() == 7


async def test_what_ends_while_nobody_is_idle_waits_for_no_fetch(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with working(redis, consumers=1) as work:
        await work.push(1, 2)
        await trio.sleep(1)
        await end_first(work)
        await trio.sleep(1)

        assert (work.taken, await work.held()) == ([1], 0)


async def test_what_is_held_for_a_producer_that_may_fetch_no_more_is_settled(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with working(redis) as work:
        await work.push(1)
        await trio.sleep(1)
        work.settler.hold()
        await end_first(work)
        await trio.sleep(1)
        assert await work.held() == 1

        work.lease.is_quiet = True
        await trio.sleep(1)

        assert await work.held() == 0


async def end_first(work: Work) -> None:
    """Let the only job that is held be done with, while its consumer goes on."""
    [id_] = await work.redis.raw("HKEYS", backup_key("me"))
    work.settler.add(Run(Delivery(id_.decode(), "q", b"1", "me"), ACK))
