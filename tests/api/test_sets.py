"""The sorted sets of `kiq_trio.api`, and what is done to their jobs."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import trio

from kiq_trio import ConfigError, Redis, api
from kiq_trio._fields import read_time
from tests.store.chores import lie_in, payload
from tests.store.deeds import FUTURE, members, names_in, waiting

TOKEN = "f" * 64
SETS = [api.ScheduledSet, api.RetrySet, api.DeadSet]

Deed = Callable[[api.SortedEntry], Awaitable[bool]]


def unique(jid: str, **fields: Any) -> bytes:
    return payload(jid, unique_token=TOKEN, **fields)


async def lock(redis: Redis, owner: str) -> None:
    await redis.raw("SET", f"kiq:unique:{TOKEN}", owner)


async def is_locked(redis: Redis) -> bool:
    return bool(await redis.raw("EXISTS", f"kiq:unique:{TOKEN}"))


async def only(jobs: api.JobSet) -> api.SortedEntry:
    (entry,) = [job async for job in jobs]
    return entry


@pytest.mark.parametrize("kind", SETS)
async def test_a_set_gives_its_jobs_by_time(
    redis: Redis, kind: type[api.JobSet]
) -> None:
    jobs = kind(redis)
    await lie_in(redis, jobs.name, *(payload(str(n)) for n in range(450)))

    found = [(job.jid, job.at) async for job in jobs]

    assert found == [(str(n), FUTURE + n) for n in range(450)]
    assert await jobs.size() == 450


async def test_jobs_are_found_in_a_set(redis: Redis) -> None:
    await lie_in(
        redis, "retry", b"nonsense", payload("a"), payload("b", "Report", queue="low")
    )
    retries = api.RetrySet(redis)

    found = await retries.find_job("b")

    assert found is not None
    assert (found.jid, found.queue, found.at) == ("b", "low", FUTURE + 2)
    assert found.id == "9000000002.0|b"
    assert [job.jid for job in await retries.find(queue="mail")] == ["a"]
    assert [job.jid for job in await retries.find(klass="Report")] == ["b"]
    assert await retries.find_job("z") is None


async def test_jobs_are_scanned_for_a_text(redis: Redis) -> None:
    await lie_in(redis, "dead", *(payload(str(n), note="night") for n in range(450)))
    dead = api.DeadSet(redis)

    by_text = {job.jid async for job in dead.scan('"44')}
    by_glob = {job.jid async for job in dead.scan('*"jid":"?"*night*')}

    assert by_text == {"44", *(f"44{n}" for n in range(10))}
    assert by_glob == set("0123456789")


async def test_a_job_is_fetched_by_its_time(redis: Redis) -> None:
    for jid in ("a", "b"):
        await redis.raw("ZADD", "schedule", "1795318296.3600285", payload(jid))
    scheduled = api.ScheduledSet(redis)
    moment = datetime.fromtimestamp(1_795_318_296, UTC)

    both = await scheduled.fetch(1795318296.3600285)
    one = await scheduled.fetch(1795318296.3600285, "b")

    assert [job.jid for job in both] == ["a", "b"]
    assert one == both[1:]
    assert await scheduled.fetch(moment) == []
    with pytest.raises(ConfigError, match="epoch seconds, got inf"):
        await scheduled.fetch(float("inf"))


@pytest.mark.parametrize("kind", [api.RetrySet, api.DeadSet])
async def test_a_job_that_is_retried_loses_no_attempt_and_keeps_its_lock(
    redis: Redis, kind: type[api.JobSet]
) -> None:
    jobs = kind(redis)
    await lie_in(redis, jobs.name, unique("a", retry_count=2, error_class="E"))
    await lock(redis, "a")
    entry = await only(jobs)

    assert entry.is_error
    assert await entry.retry()

    (stored,) = [json.loads(one) for one in await waiting(redis, "mail")]
    assert (stored["retry_count"], stored["error_class"]) == (1, "E")
    seconds, _ = await redis.raw("TIME")
    assert stored["enqueued_at"] / 1000 == pytest.approx(int(seconds), abs=30)
    assert await jobs.size() == 0
    assert await names_in(redis, "queues") == {"mail"}
    assert await is_locked(redis)


@pytest.mark.parametrize(("sidekiq", "form"), [(8, int), (7, float), (6, float)])
async def test_times_are_written_as_the_sidekiq_of_the_cluster_does(
    redis: Redis, sidekiq: int, form: type
) -> None:
    jobs = api.ScheduledSet(redis, sidekiq=sidekiq)
    await lie_in(redis, jobs.name, *map(payload, "abcd"))
    entries = await jobs.find()

    assert await entries[0].retry()
    assert await entries[1].kill()
    assert await (await jobs.find())[0].add_to_queue()
    assert await jobs.retry_all() == 1

    stored = [json.loads(one)["enqueued_at"] for one in await waiting(redis, "mail")]
    dead = await only(api.DeadSet(redis))
    assert [type(one) for one in [*stored, dead.item["failed_at"]]] == [form] * 4
    seconds, _ = await redis.raw("TIME")
    for at in (dead.failed_at, *map(read_time, stored)):
        assert at == pytest.approx(int(seconds), abs=30)


async def test_a_sidekiq_that_we_do_not_know_is_refused(redis: Redis) -> None:
    with pytest.raises(ConfigError, match="sidekiq must be one of 8, 7, 6, got 5"):
        api.RetrySet(redis, sidekiq=5)


@pytest.mark.parametrize("kind", SETS)
async def test_a_job_that_is_added_to_its_queue_keeps_its_count(
    redis: Redis, kind: type[api.JobSet]
) -> None:
    jobs = kind(redis)
    await lie_in(redis, jobs.name, payload("a", retry_count=2))

    assert await (await only(jobs)).add_to_queue()

    (stored,) = [json.loads(one) for one in await waiting(redis, "mail")]
    assert stored["retry_count"] == 2


@pytest.mark.parametrize("one", [api.SortedEntry.retry, api.SortedEntry.kill])
async def test_of_two_who_do_something_to_a_job_at_once_one_does_it(
    redis: Redis, one: Deed
) -> None:
    await lie_in(redis, "retry", payload("a", retry_count=2))
    entry = await only(api.RetrySet(redis))
    done: list[bool] = []

    async def act(deed: Deed) -> None:
        done.append(await deed(entry))

    async with trio.open_nursery() as nursery:
        for deed in (one, one, api.SortedEntry.delete, lambda job: job.reschedule(1)):
            nursery.start_soon(act, deed)

    left = [len(await members(redis, place)) for place in ("retry", "dead")]
    assert sum(done) == 1
    assert sum(left) + len(await waiting(redis, "mail")) <= 1


async def test_what_is_no_job_can_be_killed_and_deleted_only(redis: Redis) -> None:
    await lie_in(redis, "retry", b"nonsense")
    entry = await only(api.RetrySet(redis))

    assert not await entry.retry()
    assert not await entry.add_to_queue()
    assert await entry.kill()
    assert await (await only(api.DeadSet(redis))).delete()

    assert await redis.raw("DBSIZE") == 0


@pytest.mark.parametrize("kind", [api.ScheduledSet, api.RetrySet])
async def test_a_job_that_is_killed_is_dead_as_it_was_without_its_lock(
    redis: Redis, kind: type[api.JobSet]
) -> None:
    jobs = kind(redis)
    failed = unique("a", retry_count=2, failed_at=5, retried_at=6)
    await lie_in(redis, jobs.name, failed)
    await lock(redis, "a")

    assert await (await only(jobs)).kill()

    dead = await only(api.DeadSet(redis))
    seconds, _ = await redis.raw("TIME")
    assert dead.value == failed
    assert dead.at == pytest.approx(int(seconds), abs=30)
    assert not await dead.kill()
    assert await jobs.size() == 0
    assert not await is_locked(redis)


@pytest.mark.parametrize("kind", SETS)
async def test_a_job_that_is_deleted_takes_its_lock_with_it(
    redis: Redis, kind: type[api.JobSet]
) -> None:
    jobs = kind(redis)
    await lie_in(redis, jobs.name, unique("a"))
    await lock(redis, "a")

    assert await (await only(jobs)).delete()

    assert await redis.raw("DBSIZE") == 0


@pytest.mark.parametrize("kind", SETS)
async def test_a_job_that_is_rescheduled_is_there_once_with_its_bytes(
    redis: Redis, kind: type[api.JobSet]
) -> None:
    jobs = kind(redis)
    # Ruby's `reschedule` would write other bytes, and so a second job.
    spelled = b'{"class": "Mailer",  "args": [1.0], "jid": "a"}'
    await lie_in(redis, jobs.name, spelled)
    entry = await only(jobs)

    assert await entry.reschedule(datetime.fromtimestamp(5e9, UTC))
    assert await entry.reschedule(5e9)

    assert await members(redis, jobs.name) == [(spelled, 5e9)]
    assert not await entry.reschedule(6e9)


async def test_a_time_in_milliseconds_is_refused(redis: Redis) -> None:
    await lie_in(redis, "schedule", payload("a"))
    entry = await only(api.ScheduledSet(redis))

    with pytest.raises(ConfigError, match="epoch seconds, got 1795318296000"):
        await entry.reschedule(1795318296000)
    with pytest.raises(ConfigError, match="epoch seconds, got nan"):
        await entry.reschedule(float("nan"))


@pytest.mark.parametrize(
    "deed",
    [
        api.SortedEntry.delete,
        api.SortedEntry.retry,
        api.SortedEntry.add_to_queue,
        api.SortedEntry.kill,
        lambda entry: entry.reschedule(7e9),
    ],
)
@pytest.mark.parametrize("kind", [api.ScheduledSet, api.RetrySet])
async def test_a_job_that_has_gone_on_is_left_alone(
    redis: Redis, kind: type[api.JobSet], deed: Deed
) -> None:
    jobs = kind(redis)
    await lie_in(redis, jobs.name, unique("moved"), unique("gone"))
    await lock(redis, "moved")
    moved, gone = [job async for job in jobs]

    await redis.raw("ZADD", jobs.name, FUTURE + 9, moved.value)
    await redis.raw("ZREM", jobs.name, gone.value)

    assert not await deed(moved)
    assert not await deed(gone)
    assert await members(redis, jobs.name) == [(moved.value, FUTURE + 9)]
    assert await waiting(redis, "mail") == []
    assert await is_locked(redis)


@pytest.mark.parametrize("kind", SETS)
async def test_jobs_are_deleted_by_their_name_or_class(
    redis: Redis, kind: type[api.JobSet]
) -> None:
    jobs = kind(redis)
    wrapped = payload("e", "Sidekiq::ActiveJob::Wrapper", wrapped="Report")
    some = (unique("a"), payload("b"), payload("c"), payload("d", "Report"), wrapped)
    await lie_in(redis, jobs.name, *some)
    await lock(redis, "a")

    assert await jobs.delete_by_jid(FUTURE, "a")
    assert not await jobs.delete_by_jid(FUTURE, "b")
    assert await jobs.delete_job("b")
    assert not await jobs.delete_job("b")
    assert await jobs.delete_by_class("Report") == 2

    assert await members(redis, jobs.name) == [(payload("c"), FUTURE + 2)]
    assert not await is_locked(redis)


@pytest.mark.parametrize("kind", SETS)
async def test_all_jobs_of_a_set_are_retried(
    redis: Redis, kind: type[api.JobSet]
) -> None:
    jobs = kind(redis)
    await lie_in(redis, jobs.name, b"nonsense", *(payload(str(n)) for n in range(450)))

    assert await jobs.retry_all() == 450

    assert await members(redis, jobs.name) == [(b"nonsense", FUTURE)]
    assert len(await waiting(redis, "mail")) == 450


@pytest.mark.parametrize("kind", [api.ScheduledSet, api.RetrySet])
async def test_all_jobs_of_a_set_are_killed(
    redis: Redis, kind: type[api.ScheduledSet | api.RetrySet]
) -> None:
    jobs = kind(redis)
    await lie_in(redis, jobs.name, unique("a"), *(payload(str(n)) for n in range(450)))
    await lock(redis, "a")

    assert await jobs.kill_all() == 451

    assert await jobs.size() == 0
    assert await api.DeadSet(redis).size() == 451
    assert not await is_locked(redis)


@pytest.mark.parametrize("kind", SETS)
async def test_a_set_is_cleared_with_the_locks_of_its_jobs(
    redis: Redis, kind: type[api.JobSet]
) -> None:
    jobs = kind(redis)
    await lie_in(redis, jobs.name, unique("a"), *(payload(str(n)) for n in range(450)))
    await lock(redis, "a")

    assert await jobs.clear() == 451

    assert await redis.raw("DBSIZE") == 0


@pytest.mark.parametrize("kind", SETS)
async def test_a_page_of_a_set_is_read_by_its_numbers(
    redis: Redis, kind: type[api.JobSet]
) -> None:
    jobs = kind(redis)
    await lie_in(redis, jobs.name, *(payload(str(n)) for n in range(5)))

    assert [one.jid for one in await jobs.slice(1, 2)] == ["1", "2"]
    assert [one.jid for one in await jobs.slice(4, 9)] == ["4"]
    assert await jobs.slice(9, 9) == await jobs.slice(0, 0) == []
    assert {one.place for one in await jobs.slice(0, 9)} == {jobs.place}
    with pytest.raises(ConfigError, match="skip must be a whole number of 0 or more"):
        await jobs.slice(-1, 2)
    with pytest.raises(ConfigError, match="limit must be a whole number of 0 or more"):
        await jobs.slice(0, 1.5)  # type: ignore[arg-type]  # so may a user.


WORDS: list[dict[str, str]] = [{"jid": "b"}, {"klass": "Report"}, {"queue": "low"}]


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("deed", ["retry_all", "kill_all", "delete_all"])
async def test_what_is_done_to_all_may_be_done_to_some(
    redis: Redis, words: dict[str, str], deed: str
) -> None:
    kinds = payload("a"), payload("b", "Report", queue="low"), payload("c")
    await lie_in(redis, "retry", *kinds, b"nonsense")
    retries = api.RetrySet(redis)

    assert await getattr(retries, deed)(**words) == 1

    assert [one.jid async for one in retries] == ["a", "c", ""]
    assert [one.jid async for one in api.DeadSet(redis)] == ["b"] * (deed == "kill_all")
    assert await api.Queue(redis, "low").size() == (deed == "retry_all")


async def test_it_is_told_how_far_something_is(redis: Redis) -> None:
    await lie_in(redis, "retry", b"nonsense", *(payload(str(n)) for n in range(250)))
    retries = api.RetrySet(redis)
    told: list[api.Progress] = []

    await retries.retry_all(on_page=told.append)
    assert told == [(0, 0, 251), (200, 199, 251), (251, 250, 251)]
    told.clear()
    await retries.kill_all(jid="none", on_page=told.append)
    assert told == [(0, 0, 0)]
    await retries.delete_all(on_page=told.append)
    assert told[-1] == api.Progress(seen=1, done=1, total=1)


async def test_jobs_may_be_moved_while_they_are_gone_through(redis: Redis) -> None:
    await lie_in(redis, "retry", *(payload(str(n)) for n in range(450)))
    deeds: list[Deed] = [
        api.SortedEntry.delete,
        api.SortedEntry.retry,
        api.SortedEntry.kill,
    ]
    met = []

    async for job in api.RetrySet(redis):
        met.append(job.jid)
        assert await deeds[int(job.jid) % 3](job)

    assert met == [str(n) for n in range(450)]
    assert await api.RetrySet(redis).size() == 0
    assert await api.DeadSet(redis).size() == 150
    assert await api.Queue(redis, "mail").size() == 150
