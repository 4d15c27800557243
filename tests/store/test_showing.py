from collections import Counter
from collections.abc import Iterator

import attrs
import pytest
import trio
from redis.exceptions import ResponseError

from kiq_trio._store.paging import PAGE
from kiq_trio._store.replies import read_pairs
from kiq_trio._store.showing import Answer, Heartbeat, hide, show
from kiq_trio._store.watching import read_running
from kiq_trio._wire.client import Redis
from tests.store.deeds import ME, names_in

HEARTBEAT = Heartbeat(
    identity=ME,
    info=b'{"hostname":"host"}',
    concurrency=25,
    busy=1,
    beat=1795318282.5891955,
    rtt_us=74,
    rss=27_936,
    quiet=False,
    work=[("1", b'{"queue":"mail"}')],
    day="2026-11-22",
    processed=5,
    failed=2,
)


async def shown(redis: Redis, key: str) -> dict[bytes, bytes]:
    return dict(read_pairs(await redis.raw("HGETALL", key)))


async def test_a_process_is_shown_in_sidekiqs_words(redis: Redis) -> None:
    answer = await show(redis, HEARTBEAT)

    assert answer == Answer(signals=[], uncounted=(0, 0), error=None)
    assert await names_in(redis, "processes") == {ME}
    assert await shown(redis, ME) == {
        b"info": b'{"hostname":"host"}',
        b"concurrency": b"25",
        b"busy": b"1",
        b"beat": b"1795318282.5891955",
        b"rtt_us": b"74",
        b"rss": b"27936",
        b"quiet": b"false",
    }
    assert await shown(redis, f"{ME}:work") == {b"1": b'{"queue":"mail"}'}
    assert await redis.raw("TTL", ME) == 60
    assert await redis.raw("TTL", f"{ME}:work") == 60


async def test_quiet_is_told_in_lower_case(redis: Redis) -> None:
    await show(redis, attrs.evolve(HEARTBEAT, quiet=True))

    assert (await shown(redis, ME))[b"quiet"] == b"true"


async def test_work_that_is_done_is_shown_no_longer(redis: Redis) -> None:
    await show(redis, HEARTBEAT)
    await show(redis, attrs.evolve(HEARTBEAT, work=[]))

    assert await redis.raw("EXISTS", f"{ME}:work") == 0


async def test_others_run_while_thousands_of_running_jobs_are_shown(
    redis: Redis,
) -> None:
    turns, seen = 0, []

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    def work() -> Iterator[tuple[str, bytes]]:
        for number in range(2_000):
            seen.append(turns)
            yield str(number), b"{}"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        answer = await show(redis, attrs.evolve(HEARTBEAT, work=work()))
        nursery.cancel_scope.cancel()

    assert max(Counter(seen).values()) <= 3 * PAGE
    assert answer.error is None
    assert len(await shown(redis, f"{ME}:work")) == 2_000
    assert await redis.raw("TTL", f"{ME}:work") == 60
    assert (await shown(redis, ME))[b"busy"] == b"1"


async def test_jobs_are_counted_in_all_and_by_day(redis: Redis) -> None:
    await show(redis, HEARTBEAT)
    await show(redis, attrs.evolve(HEARTBEAT, processed=1, failed=0))

    keys = ("stat:processed", "stat:processed:2026-11-22", "stat:failed")
    assert await redis.raw("MGET", *keys) == [b"6", b"6", b"2"]
    assert await redis.raw("TTL", "stat:failed:2026-11-22") == 157_680_000
    assert await redis.raw("TTL", "stat:processed") == -1


async def test_nothing_is_counted_when_nothing_happened(redis: Redis) -> None:
    await show(redis, attrs.evolve(HEARTBEAT, processed=0, failed=0))

    assert await redis.raw("EXISTS", "stat:processed", "stat:failed") == 0


async def test_signals_are_heard_one_a_beat_in_the_order_sent(redis: Redis) -> None:
    await redis.raw("LPUSH", f"{ME}-signals", "TSTP")
    await redis.raw("LPUSH", f"{ME}-signals", "TERM")

    heard = [(await show(redis, HEARTBEAT)).signals for _ in range(3)]

    assert heard == [["TSTP"], ["TERM"], []]


async def test_what_redis_refuses_is_told_and_all_else_is_shown(redis: Redis) -> None:
    await redis.raw("SET", "processes", "a string")
    await redis.raw("LPUSH", f"{ME}-signals", "TERM")

    answer = await show(redis, HEARTBEAT)

    assert "WRONGTYPE" in str(answer.error)
    assert answer.signals == ["TERM"]
    assert answer.uncounted == (0, 0)
    assert (await shown(redis, ME))[b"busy"] == b"1"


@pytest.mark.parametrize(
    ("spoilt", "uncounted"),
    [
        (["stat:processed"], (0, 0)),
        (["stat:failed:2026-11-22"], (0, 0)),
        (["stat:processed", "stat:processed:2026-11-22"], (5, 0)),
        (["stat:failed", "stat:failed:2026-11-22"], (0, 2)),
    ],
)
async def test_only_what_no_counter_has_taken_is_uncounted(
    redis: Redis, spoilt: list[str], uncounted: tuple[int, int]
) -> None:
    for key in spoilt:
        await redis.raw("SET", key, "garbage")

    answer = await show(redis, HEARTBEAT)

    assert isinstance(answer.error, ResponseError)
    assert answer.uncounted == uncounted


async def test_who_hides_is_gone_at_once(redis: Redis) -> None:
    await show(redis, HEARTBEAT)

    await hide(redis, ME)

    assert await redis.raw("EXISTS", "processes", ME, f"{ME}:work") == 0


async def test_to_sidekiq_6_running_jobs_are_shown_under_both_names(
    redis: Redis,
) -> None:
    await show(redis, attrs.evolve(HEARTBEAT, sidekiq=6))

    work = {b"1": b'{"queue":"mail"}'}
    assert await shown(redis, f"{ME}:work") == await shown(redis, f"{ME}:workers")
    assert await shown(redis, f"{ME}:workers") == work
    assert await redis.raw("TTL", f"{ME}:workers") == 60
    # What runs is listed once, whoever has written it.
    assert [one.thread for one in await read_running(redis)] == ["1"]
    await redis.raw("DEL", f"{ME}:work")
    assert [one.thread for one in await read_running(redis)] == ["1"]

    await hide(redis, ME)
    assert await redis.raw("EXISTS", f"{ME}:workers") == 0
