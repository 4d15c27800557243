"""Settlements are written in batches, and told of when Redis knows."""

import logging

import pytest
import trio
from trio.testing import MockClock

from kiq_trio._store.burying import bury
from kiq_trio._store.fetching import fetch
from kiq_trio._store.keys import backup_key
from kiq_trio._store.registering import read_counters, register
from kiq_trio._store.settling import Ack, Kill, Requeue, Retry
from kiq_trio._wire.client import Redis
from kiq_trio.job import Job
from tests.pipeline.settlers import settling
from tests.unkind import Fate, UnkindServer

AT = 1_800_000_000.0


def job(jid: str = "1") -> Job:
    return Job(job_class="A", jid=jid)


async def test_whatever_came_while_one_write_was_under_way_goes_with_the_next(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with settling(redis) as scene:
        held = await scene.hold(b"1", b"2", b"3", b"4")
        unkind.delay = 1.0
        unkind.asked.clear()
        scene.end(held[0], Ack())
        await trio.sleep(0.5)
        for delivery in held[1:]:
            scene.end(delivery, Ack())
        assert scene.settler.size == 4
        await scene.settler.drained()

        assert [len(command) - 2 for command in unkind.asked] == [1, 3]
        unkind.delay = 0.0
        assert await scene.held() == 0


async def test_a_full_settler_lets_consumers_wait_until_it_has_written(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with settling(redis, limit=2) as scene:
        held = await scene.hold(b"1", b"2")
        unkind.delay = 7.0
        scene.end(held[0], Ack())
        fills = [scene.settler.is_full]
        scene.end(held[1], Ack())
        fills.append(scene.settler.is_full)
        began = trio.current_time()

        await scene.settler.room()

        assert trio.current_time() - began == 7
        assert fills == [False, True]


async def test_reporters_are_told_when_redis_knows_and_not_before(
    autojump_clock: MockClock, redis: Redis, unkind: UnkindServer
) -> None:
    async with settling(redis) as scene:
        [delivery] = await scene.hold(b"1")
        unkind.go_away()
        scene.end(delivery, Ack(), "1")
        await trio.sleep(3600)
        assert scene.ears.jids == []

        unkind.come_back()
        await scene.settler.drained()
        await trio.sleep(1)

        assert scene.ears.jids == ["1"]


async def test_two_jobs_that_are_equal_to_the_byte_stay_two(
    autojump_clock: MockClock, redis: Redis
) -> None:
    payload = job().encode()
    async with settling(redis) as scene:
        for delivery in await scene.hold(payload, payload, payload):
            scene.end(delivery, Retry(AT, payload))
        await scene.settler.drained()

        kept = [Job.decode(one) for one in await redis.raw("ZRANGE", "retry", 0, -1)]
        assert [one.jid for one in kept] == ["1", "1", "1"]
        assert sum("kiq_copy" in one.rest for one in kept) == 2


async def test_equal_junk_is_kept_once_and_held_no_longer(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with settling(redis) as scene:
        for delivery in await scene.hold(b"junk", b"junk"):
            scene.end(delivery, Kill(AT, b"junk"))
        await scene.settler.drained()

        assert await redis.raw("ZRANGE", "dead", 0, -1) == [b"junk"]
        assert await scene.held() == 0


async def test_equal_payloads_that_cannot_be_written_again_are_kept_once(
    autojump_clock: MockClock, redis: Redis
) -> None:
    deep = b'{"class":"A","args":[' + b"[" * 150 + b"]" * 150 + b"]}"
    async with settling(redis) as scene:
        for delivery in await scene.hold(deep, deep):
            scene.end(delivery, Kill(AT, deep))
        await scene.settler.drained()

        assert await redis.raw("ZRANGE", "dead", 0, -1) == [deep]
        assert await scene.held() == 0


async def test_a_run_that_ended_too_late_is_logged(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    async with settling(redis) as scene:
        [delivery] = await scene.hold(b"1")
        await redis.raw("DEL", backup_key("me"))
        scene.end(delivery, Retry(AT, b"1"))
        await scene.settler.drained()

        assert "ended too late" in caplog.text
        assert delivery.id in caplog.text
        assert await redis.raw("EXISTS", "retry") == 0


async def test_what_redis_refuses_stays_ours_until_it_does_not(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.raw("SET", "retry", "a string")
    async with settling(redis) as scene:
        [delivery] = await scene.hold(b"1")
        scene.end(delivery, Retry(AT, b"1"), "1")
        await trio.sleep(60)
        assert (await scene.held(), scene.ears.jids) == (1, [])

        await redis.raw("DEL", "retry")
        await scene.settler.drained()

        assert await redis.raw("ZRANGE", "retry", 0, -1) == [b"1"]
    errors = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "jobs cannot be settled" in errors[0].getMessage()


async def test_what_redis_refuses_holds_up_nothing_that_it_takes(
    autojump_clock: MockClock, redis: Redis
) -> None:
    await redis.raw("SET", "retry", "a string")
    async with settling(redis) as scene:
        failed, *others = await scene.hold(b"1", b"2", b"3")
        scene.end(failed, Retry(AT, b"1"), "1")
        scene.end(others[0], Kill(AT, b"2"), "2")
        await trio.sleep(5)
        scene.end(others[1], Ack(), "3")
        await trio.sleep(5)

        assert await redis.raw("ZRANGE", "dead", 0, -1) == [b"2"]
        assert (await scene.held(), scene.ears.jids) == (1, ["2", "3"])


async def test_a_refusal_that_passes_is_no_reason_to_say_a_run_ended_too_late(
    autojump_clock: MockClock,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await redis.raw("SET", "retry", "a string")
    async with settling(redis) as scene:
        fine, failed = await scene.hold(b"1", b"2")
        scene.end(fine, Ack())
        scene.end(failed, Retry(AT, b"2"))
        await trio.sleep(5)
        await redis.raw("DEL", "retry")
        await scene.settler.drained()

    assert "ended too late" not in caplog.text


async def test_a_second_refusal_is_logged_as_well_and_so_is_the_end_of_each(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kiq_trio.settler")
    async with settling(redis) as scene:
        for times, delivery in enumerate(await scene.hold(b"1", b"2"), 1):
            await redis.raw("DEL", "retry")
            await redis.raw("SET", "retry", "a string")
            scene.end(delivery, Retry(AT, delivery.payload))
            await trio.sleep(60)
            await redis.raw("DEL", "retry")
            await scene.settler.drained()
            assert caplog.text.count("some jobs cannot be settled: WRONGTYPE") == times
            assert caplog.text.count("all jobs are settled again") == times


async def test_what_was_taken_under_an_older_name_is_settled_there(
    autojump_clock: MockClock, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    async with settling(redis) as scene:
        older = await scene.hold(b"1", b"2", b"3")
        await redis.raw("RPUSH", "queue:q", b"4")
        await register(redis, "me again")
        newer = await fetch(
            redis, identity="me again", producer="q", call=2, queue="q", limit=1
        )
        await bury_me(redis)
        scene.end(older[0], Ack(), "1")
        scene.end(newer[0], Requeue(), "4")
        scene.end(older[1], Retry(AT, b"2"), "2")
        scene.end(older[2], Requeue(), "3")
        await scene.settler.drained()

        assert await scene.held() == 0
        assert await redis.raw("HLEN", backup_key("me again")) == 0
        assert await redis.raw("ZRANGE", "retry", 0, -1) == [b"2"]
        assert await redis.raw("LRANGE", "queue:q", 0, -1) == [b"4", b"3"]
        await trio.sleep(1)
        assert sorted(scene.ears.jids) == ["1", "2", "3", "4"]
    assert "ended too late" not in caplog.text


async def bury_me(redis: Redis) -> None:
    counter = (await read_counters(redis))["me"]
    assert await bury(redis, "me", counter)


@pytest.mark.parametrize("fate", ["request lost", "reply lost"])
async def test_a_lost_reply_settles_each_job_once(
    autojump_clock: MockClock,
    redis: Redis,
    unkind: UnkindServer,
    caplog: pytest.LogCaptureFixture,
    fate: Fate,
) -> None:
    async with settling(redis) as scene:
        one, two, three = await scene.hold(b"1", b"2", b"3")
        fates = iter([fate])
        unkind.fate = lambda _: next(fates, "delivered")
        scene.end(one, Ack())
        scene.end(two, Retry(AT, b"2"))
        scene.end(three, Requeue())
        await scene.settler.drained()

        assert await scene.held() == 0
        assert await redis.raw("ZRANGE", "retry", 0, -1) == [b"2"]
        assert await redis.raw("LRANGE", "queue:q", 0, -1) == [b"3"]
    assert "ended too late" not in caplog.text


async def test_interrupted_jobs_go_back_in_their_order_however_they_ended(
    autojump_clock: MockClock, redis: Redis
) -> None:
    async with settling(redis) as scene:
        held = await scene.hold(*(b"%d" % n for n in range(12)))
        for n in (5, 11, 0, 2, 10, 1, 3, 4, 9, 8, 7, 6):
            scene.end(held[n], Requeue())
        await scene.settler.drained()

        waiting = await redis.raw("LRANGE", "queue:q", 0, -1)
        assert [int(one) for one in reversed(waiting)] == list(range(12))
    assert redis.state == "up"
