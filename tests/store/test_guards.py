"""Guards of the scripts, one by one: each test fails without one certain line.

The tests use nothing but `redis`, so that `test_mutants.py` can run them against
the script without its guard.
"""

from collections.abc import Coroutine
from typing import Any

import attrs
from redis.exceptions import ResponseError

from kiq_trio._store.browsing import Placed
from kiq_trio._store.burying import (
    Held,
    Rescued,
    bury,
    bury_orphan,
    drain,
    look_around,
    read_grave,
)
from kiq_trio._store.enqueueing import Batch, enqueue
from kiq_trio._store.moving import Move
from kiq_trio._store.moving import move as move_away
from kiq_trio._store.registering import Beat, beat, leave, read_counters, register
from kiq_trio._store.removing import Removal, delete_queue, remove
from kiq_trio._store.rescheduling import reschedule
from kiq_trio._store.rota import pause_periodic, resume_periodic
from kiq_trio._store.settling import Kill, Requeue, Retry, Settled
from kiq_trio._store.staging import stage
from kiq_trio._store.ticking import NewJob, Ticking, read_ticks, tick
from kiq_trio._wire.client import Redis
from kiq_trio.unique import Lock
from tests.store.deeds import (
    FUTURE,
    LONG,
    ME,
    OTHER,
    PAST,
    held,
    join,
    members,
    move,
    names_in,
    put,
    take,
    waiting,
)


async def test_an_id_in_use_is_refused_even_if_its_backup_was_forgotten(
    redis: Redis,
) -> None:
    await join(redis, ME)
    await redis.raw("DEL", "kiq:backups")

    assert not await register(redis, ME)


async def test_an_id_in_a_grave_is_refused(redis: Redis) -> None:
    await join(redis, ME)
    assert await bury(redis, ME, 1)

    assert not await register(redis, ME)


async def test_a_beat_tells_a_burial_from_a_loss_of_all_data(redis: Redis) -> None:
    number = await register(redis, ME)
    assert await bury(redis, ME, 1)

    assert await beat(redis, ME, number) is Beat.BURIED

    await redis.raw("FLUSHALL")
    assert await beat(redis, ME, number) is Beat.FORGOTTEN


async def test_a_redis_that_lost_its_data_does_not_count_as_before(
    redis: Redis,
) -> None:
    number = await register(redis, ME)
    await redis.raw("FLUSHALL")
    await join(redis, OTHER)

    assert await beat(redis, ME, number) is Beat.FORGOTTEN


async def test_a_beat_moves_the_counter(redis: Redis) -> None:
    number = await register(redis, ME)

    assert await beat(redis, ME, number) is Beat.ALIVE

    assert await read_counters(redis) == {ME: 2}


async def test_who_leaves_with_empty_hands_leaves_nothing(redis: Redis) -> None:
    await join(redis, ME)
    await take(redis, "mail")

    assert await leave(redis, ME)

    assert await redis.raw("KEYS", "kiq:*") == [b"kiq:registrations"]


async def test_what_is_requeued_is_in_front_in_its_old_order(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2", b"3", b"4")
    jobs = await take(redis, "mail", limit=3)

    await move(redis, *((job, Requeue()) for job in jobs))

    assert await waiting(redis, "mail") == [b"1", b"2", b"3", b"4"]


async def test_a_member_that_was_rescheduled_is_not_staged(redis: Redis) -> None:
    await redis.raw("ZADD", "retry", PAST + 1, b"job")

    assert await stage(redis, "retry", [Move(b"job", PAST, "mail", b"new")]) == 0

    assert await members(redis, "retry") == [(b"job", PAST + 1)]
    assert await waiting(redis, "mail") == []


async def test_a_member_that_is_not_due_is_not_staged(redis: Redis) -> None:
    await redis.raw("ZADD", "retry", FUTURE, b"job")

    assert await stage(redis, "retry", [Move(b"job", FUTURE, "mail", b"new")]) == 0

    assert await members(redis, "retry") == [(b"job", FUTURE)]
    assert await waiting(redis, "mail") == []


async def test_who_is_registered_is_no_orphan(redis: Redis) -> None:
    await join(redis, ME)

    assert not await bury_orphan(redis, ME)

    assert (await look_around(redis)).graves == set()


async def test_an_orphan_gets_a_grave(redis: Redis) -> None:
    await redis.raw("SADD", "kiq:backups", ME)

    assert await bury_orphan(redis, ME)

    assert (await look_around(redis)).graves == {ME}


async def test_what_a_living_process_holds_is_not_drained(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1")
    await take(redis, "mail")
    moves = [Rescued(one, one.payload) for one in await read_grave(redis, ME)]

    assert not await drain_all(redis, moves)

    assert await held(redis) == 1
    assert await waiting(redis, "mail") == []


async def test_a_grave_is_not_closed_while_it_holds_anything(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2")
    await take(redis, "mail")
    await bury(redis, ME, 1)
    one, _ = await read_grave(redis, ME)

    assert not await drain_all(redis, [Rescued(one, one.payload)])

    assert (await look_around(redis)).graves == {ME}
    assert await names_in(redis, "kiq:backups") == {ME}


async def test_a_job_in_a_grave_that_is_not_as_it_was_read_is_left(
    redis: Redis,
) -> None:
    await redis.raw("SADD", "kiq:graves", ME)
    await redis.raw("HSET", f"kiq:backup|{ME}", "mail.1.0", b"mail\nnew")
    stale = Held("mail.1.0", "mail", b"old", b"mail\nold")

    assert not await drain_all(redis, [Rescued(stale, b"old")])

    assert await waiting(redis, "mail") == []
    assert await held(redis) == 1


async def test_the_oldest_job_of_a_grave_comes_to_the_very_front(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2", b"3", b"4")
    await take(redis, "mail", limit=3)
    await bury(redis, ME, 1)
    moves = [Rescued(one, one.payload) for one in await read_grave(redis, ME)]

    assert await drain_all(redis, moves)

    assert await waiting(redis, "mail") == [b"1", b"2", b"3", b"4"]


async def test_a_queue_that_was_deleted_is_listed_again_by_a_requeue(
    redis: Redis,
) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1")
    (job,) = await take(redis, "mail")
    await redis.raw("DEL", "queues")

    await move(redis, (job, Requeue()))

    assert await names_in(redis, "queues") == {"mail"}


async def test_two_jobs_that_fail_alike_in_one_batch_clash(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"same", b"same")
    one, two = await take(redis, "mail")

    settled = await move(
        redis, (one, Retry(FUTURE, b"failed")), (two, Retry(FUTURE, b"failed"))
    )

    assert settled == [Settled.MOVED, Settled.CLASH]
    assert await held(redis) == 1


async def test_a_job_that_fails_like_one_that_waits_already_clashes(
    redis: Redis,
) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"same", b"same")
    one, two = await take(redis, "mail")
    assert await move(redis, (one, Retry(FUTURE, b"failed"))) == [Settled.MOVED]

    settled = await move(redis, (two, Retry(FUTURE, b"failed")))

    assert settled == [Settled.CLASH]
    assert await held(redis) == 1


async def test_the_dead_set_keeps_exactly_its_limit(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2", b"3", b"4")
    jobs = await take(redis, "mail")

    for n, job in enumerate(jobs):
        kill = Kill(FUTURE + n, b"dead %d" % n)
        assert await move(redis, (job, kill), dead_limit=2) == [Settled.MOVED]

    assert await members(redis, "dead") == [
        (b"dead 2", FUTURE + 2),
        (b"dead 3", FUTURE + 3),
    ]


async def test_what_has_been_dead_for_too_long_goes_when_another_comes(
    redis: Redis,
) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1")
    await redis.raw("ZADD", "dead", PAST, b"old", FUTURE, b"young")
    (job,) = await take(redis, "mail")

    await move(redis, (job, Kill(FUTURE, b"1")), dead_timeout=60)

    assert [member for member, _ in await members(redis, "dead")] == [b"1", b"young"]


async def test_a_drain_keeps_the_limits_of_the_dead_set(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2", b"3")
    await redis.raw("ZADD", "dead", PAST, b"old", FUTURE - 1, b"young")
    await take(redis, "mail")
    await bury(redis, ME, 1)
    moves = [
        Rescued(one, one.payload, to_dead=True) for one in await read_grave(redis, ME)
    ]

    await drain_all(redis, moves, dead_limit=2, dead_timeout=60)
    assert [member for member, _ in await members(redis, "dead")] == [b"2", b"3"]

    await redis.raw("ZADD", "dead", PAST, b"old")
    await put(redis, "mail", b"4", number=2)
    await join(redis, OTHER)
    await take(redis, "mail", identity=OTHER)
    await bury(redis, OTHER, 1)
    (one,) = await read_grave(redis, OTHER)
    await drain_all(
        redis,
        [Rescued(one, b"4", to_dead=True)],
        identity=OTHER,
        dead_timeout=60,
    )
    assert [member for member, _ in await members(redis, "dead")] == [b"2", b"3", b"4"]


async def test_an_enqueue_looks_at_the_names_before_it_writes(redis: Redis) -> None:
    await redis.raw("SET", "queues", "a string")

    (error,) = await enqueue(redis, [Batch("a", 1, "mail", (b"1",))])

    assert "WRONGTYPE" in str(error)
    assert await redis.raw("EXISTS", "queue:mail", "kiq:flush|a") == 0


async def test_a_settlement_looks_at_the_queues_before_it_writes(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1", b"2")
    one, two = await take(redis, "mail")
    await redis.raw("SET", "queue:mail", "a string")

    await expect_wrong_type(move(redis, (one, Retry(FUTURE, b"1")), (two, Requeue())))

    assert await held(redis) == 2
    assert await members(redis, "retry") == []


async def test_staging_looks_at_all_places_before_it_writes(redis: Redis) -> None:
    await redis.raw("ZADD", "retry", PAST, b"1", PAST, b"2", PAST, b"3")
    queued = [Move(b"1", PAST, "post", b"1"), Move(b"2", PAST, "mail", b"2")]
    dead = Move(b"3", PAST, None, b"3")

    await redis.raw("SET", "queue:mail", "a string")
    await expect_wrong_type(stage(redis, "retry", queued))
    assert await waiting(redis, "post") == []

    await redis.raw("DEL", "queue:mail")
    await redis.raw("SET", "dead", "a string")
    await expect_wrong_type(stage(redis, "retry", [*queued, dead]))
    assert await waiting(redis, "post") == []


async def test_a_drain_looks_at_all_places_before_it_writes(redis: Redis) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"1")
    await put(redis, "post", b"2", b"3")
    await take(redis, "post")
    await take(redis, "mail")
    await bury(redis, ME, 1)
    mail, *posts = [Rescued(one, one.payload) for one in await read_grave(redis, ME)]

    await redis.raw("SET", "queue:mail", "a string")
    await expect_wrong_type(drain_all(redis, [*posts, mail]))
    assert await waiting(redis, "post") == []

    await redis.raw("SET", "dead", "a string")
    pill = Rescued(mail.held, b"1", to_dead=True)
    await expect_wrong_type(drain_all(redis, [*posts, pill]))
    assert await waiting(redis, "post") == []


async def expect_wrong_type(deed: Coroutine[Any, Any, Any]) -> None:
    try:
        await deed
    except ResponseError as error:
        assert "WRONGTYPE" in str(error)  # noqa: PT017 - pytest.raises holds a frame.
    else:
        raise AssertionError("nothing was refused")


async def drain_all(
    redis: Redis,
    moves: list[Rescued],
    *,
    identity: str = ME,
    dead_limit: int = 100,
    dead_timeout: float = LONG,
) -> bool:
    return await drain(
        redis,
        identity,
        moves,
        now=FUTURE,
        dead_limit=dead_limit,
        dead_timeout=dead_timeout,
    )


async def test_what_is_deleted_goes_nowhere(redis: Redis) -> None:
    await redis.raw("ZADD", "retry", FUTURE, b"job")

    assert await move_away(redis, "retry", [Move(b"job", FUTURE, None, None)]) == 1

    assert await members(redis, "retry") == []
    assert await members(redis, "dead") == []


async def test_a_lock_goes_with_its_job_only_if_the_job_owns_it(redis: Redis) -> None:
    await redis.raw("ZADD", "retry", FUTURE, b"one", FUTURE, b"two")
    await redis.raw("SET", "kiq:unique:a", "jid-one")
    await redis.raw("SET", "kiq:unique:b", "jid-other")
    moves = [
        Move(b"one", FUTURE, None, b"one", "a", "jid-one"),
        Move(b"two", FUTURE, None, None, "b", "jid-two"),
    ]

    assert await move_away(redis, "retry", moves) == 2

    assert await redis.raw("GET", "kiq:unique:a") is None
    assert await redis.raw("GET", "kiq:unique:b") == b"jid-other"


async def test_a_job_that_was_fetched_meanwhile_keeps_its_lock(redis: Redis) -> None:
    await redis.raw("SET", "kiq:unique:a", "jid")

    assert await remove(redis, "mail", [Removal(b"job", "a", "jid")]) == 0

    assert await redis.raw("GET", "kiq:unique:a") == b"jid"


async def test_a_lock_that_another_job_owns_is_left_by_a_removal(redis: Redis) -> None:
    await put(redis, "mail", b"job")
    await redis.raw("SET", "kiq:unique:a", "jid-other")

    assert await remove(redis, "mail", [Removal(b"job", "a", "jid")]) == 1

    assert await redis.raw("GET", "kiq:unique:a") == b"jid-other"


async def test_a_job_that_is_removed_gives_its_lock_back(redis: Redis) -> None:
    await put(redis, "mail", b"one", b"two", b"three")
    await redis.raw("SET", "kiq:unique:a", "jid")

    assert await remove(redis, "mail", [Removal(b"two", "a", "jid")]) == 1

    assert await waiting(redis, "mail") == [b"one", b"three"]
    assert await redis.raw("GET", "kiq:unique:a") is None


async def test_a_queue_that_holds_jobs_keeps_its_name(redis: Redis) -> None:
    await put(redis, "mail", b"job")

    assert not await delete_queue(redis, "mail")

    assert await names_in(redis, "queues") == {"mail"}


async def test_an_empty_queue_is_forgotten(redis: Redis) -> None:
    await redis.raw("SADD", "queues", "mail", "post")

    assert await delete_queue(redis, "mail")

    assert await names_in(redis, "queues") == {"post"}


NIGHTLY = "nightly"
TICKED = NewJob("mail", b"1")


async def test_a_tick_happens_once_whoever_else_saw_that_it_was_due(
    redis: Redis,
) -> None:
    assert await tick(redis, [Ticking(NIGHTLY, "", "60")]) == ["passed"]
    twice = [Ticking(NIGHTLY, "60", "120", TICKED)] * 2

    assert await tick(redis, twice) == ["enqueued", "late"]

    assert await waiting(redis, "mail") == [b"1"]
    assert await names_in(redis, "queues") == {"mail"}
    assert (await read_ticks(redis, [NIGHTLY])).last == {NIGHTLY: "120"}


async def test_a_tick_is_passed_over_if_that_was_asked_for(redis: Redis) -> None:
    assert await tick(redis, [Ticking(NIGHTLY, "", "60")]) == ["passed"]

    assert await redis.raw("KEYS", "queue*") == []
    assert (await read_ticks(redis, [NIGHTLY, "other"])).last == {NIGHTLY: "60"}


async def test_a_tick_of_a_paused_periodic_passes_without_a_job(redis: Redis) -> None:
    assert await pause_periodic(redis, NIGHTLY)

    paused = await tick(redis, [Ticking(NIGHTLY, "", "60", TICKED)])
    assert await resume_periodic(redis, NIGHTLY)
    resumed = await tick(redis, [Ticking(NIGHTLY, "60", "120", TICKED)])

    assert (paused, resumed) == (["paused"], ["enqueued"])
    assert await waiting(redis, "mail") == [b"1"]


async def test_a_tick_whose_job_is_a_duplicate_is_over_all_the_same(
    redis: Redis,
) -> None:
    await redis.raw("SET", "kiq:unique:token", "another")
    order = attrs.evolve(TICKED, lock=Lock("token", "jid-1", 60.0))

    assert await tick(redis, [Ticking(NIGHTLY, "", "60", order)]) == ["duplicate"]

    assert await redis.raw("KEYS", "queue*") == []
    assert await redis.raw("GET", "kiq:unique:token") == b"another"
    assert (await read_ticks(redis, [NIGHTLY])).last == {NIGHTLY: "60"}


async def test_the_job_of_a_tick_takes_its_lock_and_is_not_kept_out_by_it(
    redis: Redis,
) -> None:
    order = attrs.evolve(TICKED, lock=Lock("token", "jid-1", 60.0))
    ticking = Ticking(NIGHTLY, "", "60", order)
    assert await tick(redis, [ticking]) == ["enqueued"]
    assert await redis.raw("GET", "kiq:unique:token") == b"jid-1"
    assert 0 < await redis.raw("PTTL", "kiq:unique:token") <= 60_000

    # As if Redis had died before the tick was written.
    await redis.raw("DEL", "kiq:ticks")

    assert await tick(redis, [ticking]) == ["enqueued"]


async def test_a_tick_looks_at_all_places_before_it_writes(redis: Redis) -> None:
    ticking = Ticking(NIGHTLY, "", "60", TICKED)
    await redis.raw("SET", "queues", "a string")
    (first,) = await tick(redis, [ticking])
    assert await redis.raw("EXISTS", "queue:mail") == 0
    await redis.raw("DEL", "queues")
    await redis.raw("SET", "queue:mail", "a string")
    (second,) = await tick(redis, [ticking])

    assert "WRONGTYPE" in str(first)
    assert "WRONGTYPE" in str(second)
    assert await redis.raw("KEYS", "*") == [b"queue:mail"]


async def test_a_job_that_has_gone_on_is_not_rescheduled(redis: Redis) -> None:
    await redis.raw("ZADD", "retry", FUTURE + 5, b"1")

    assert not await reschedule(redis, Placed("retry", b"1", FUTURE), PAST)
    assert not await reschedule(redis, Placed("retry", b"2", FUTURE), PAST)
    assert not await reschedule(redis, Placed("queue:q", b"1"), PAST)

    assert await members(redis, "retry") == [(b"1", FUTURE + 5)]


async def test_a_job_that_is_rescheduled_twice_is_so_once(redis: Redis) -> None:
    await redis.raw("ZADD", "retry", FUTURE, b"1")

    assert await reschedule(redis, Placed("retry", b"1", FUTURE), PAST)
    assert await reschedule(redis, Placed("retry", b"1", FUTURE), PAST)

    assert await members(redis, "retry") == [(b"1", PAST)]
