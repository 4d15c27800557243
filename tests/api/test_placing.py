"""Putting jobs into the sorted sets by hand, and taking them out."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
from redis.exceptions import ConnectionError  # noqa: A004 - Redis' own.

from kiq_trio import ConfigError, Job, Redis, api, worker
from kiq_trio._wire.slot import Command
from tests.store.chores import lie_in, payload
from tests.store.deeds import FUTURE, members, waiting

HTML = "<b>x</b>"
SETS = [api.ScheduledSet, api.RetrySet, api.DeadSet]


@worker(queue="mail")
async def send(_number: int) -> None: ...


async def only(jobs: api.JobSet) -> api.SortedEntry:
    (entry,) = [job async for job in jobs]
    return entry


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize(
    "given",
    [
        send.new(1),
        send.new(1).encode(),
        send.new(1).encode().decode(),
        {"class": "send", "args": [1], "queue": "mail", "at": 5},
    ],
    ids=lambda given: type(given).__name__,
)
async def test_a_job_is_put_into_a_set_with_all_that_it_needs_there(
    redis: Redis, kind: type[api.JobSet], given: api.Payload
) -> None:
    jobs = kind(redis)

    await jobs.schedule(datetime.fromtimestamp(9e9, UTC), given)

    entry = await only(jobs)
    assert (entry.at, entry.klass, entry.args) == (9e9, "send", [1])
    assert (entry.queue, len(entry.jid)) == ("mail", 24)
    assert isinstance(entry.item["created_at"], int)
    assert "at" not in entry.item
    # What is in `retry` or `dead` has failed, or breaks a page (wire.md §8.2).
    assert (entry.failed_at is not None) == (kind is not api.ScheduledSet)
    assert await entry.retry()
    assert len(await waiting(redis, "mail")) == 1


async def test_what_is_scheduled_does_not_say_when_it_was_enqueued(
    redis: Redis,
) -> None:
    given = payload("a", enqueued_at=5, unset=None)

    for kind in SETS:
        await kind(redis).schedule(FUTURE, given)

    found = [(await only(kind(redis))).item for kind in SETS]
    assert ["enqueued_at" in item for item in found] == [False, True, True]
    assert [item["unset"] for item in found] == [None] * 3


async def test_a_job_that_is_there_already_gets_the_new_time(redis: Redis) -> None:
    await lie_in(redis, "retry", payload("a", created_at=1, retry=True, failed_at=1))
    retries = api.RetrySet(redis)

    await retries.schedule(5e9, (await only(retries)).value)

    assert (await only(retries)).at == 5e9


@pytest.mark.parametrize(
    "given",
    [
        b"nonsense",
        "[]",
        "\ud800",
        {"args": []},
        payload("a", tags="x"),
        5,
    ],
)
async def test_what_is_no_job_is_refused(redis: Redis, given: Any) -> None:
    with pytest.raises(ConfigError, match=r"payload must be|a job is made|not a job"):
        await api.RetrySet(redis).schedule(5, given)
    with pytest.raises(ConfigError, match="epoch seconds, got inf"):
        await api.RetrySet(redis).schedule(float("inf"), payload("a"))

    assert await redis.raw("DBSIZE") == 0


OWN_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"display_class": HTML}, "display_class must be text without"),
    ({"tags": [HTML]}, "tags must be a list of texts without"),
    ({"foo": HTML}, "foo must be without"),
    ({HTML: 1}, "a field must have a name without"),
    ({"jid": HTML}, "jid must be 1 to 128 of"),
    ({"class": HTML}, "class must be a name without"),
    ({"class": "a/b"}, "class must be a name without"),
    ({"queue": "a b/<c>"}, "queue must be 1 to 128 of"),
    ({"created_at": 1_700_000_000}, "created_at must be whole milliseconds"),
    ({"created_at": 1.7e12}, "created_at must be whole milliseconds"),
    ({"enqueued_at": 1.7e12}, "enqueued_at must be whole milliseconds"),
]


@pytest.mark.parametrize("make", [dict, Job.from_map])
@pytest.mark.parametrize(("fields", "said"), OWN_FAULTS)
async def test_what_enqueue_refuses_is_put_into_no_set(
    redis: Redis,
    make: Callable[[dict[str, Any]], Job | dict[str, Any]],
    fields: dict[str, Any],
    said: str,
) -> None:
    given = make({"class": "A", "args": [], "retry": True, **fields})

    with pytest.raises(ConfigError, match=said):
        await api.DeadSet(redis).kill(given)
    for kind in SETS:
        with pytest.raises(ConfigError, match=said):
            await kind(redis).schedule(FUTURE, given)

    assert await redis.raw("DBSIZE") == 0


@pytest.mark.parametrize("fields", [fields for fields, _ in OWN_FAULTS])
async def test_json_may_be_of_somebody_else_who_obeys_other_rules(
    redis: Redis, fields: dict[str, Any]
) -> None:
    given = json.dumps({"class": "A", "args": [], **fields})

    await api.DeadSet(redis).kill(given)

    assert (await only(api.DeadSet(redis))).item.items() >= fields.items()


async def test_a_time_is_one_that_the_sidekiq_of_the_set_takes_for_it(
    redis: Redis,
) -> None:
    given = {"class": "A", "created_at": 1_700_000_000_000}

    await api.DeadSet(redis, sidekiq=8).kill(given)
    with pytest.raises(ConfigError, match="created_at must be seconds"):
        await api.DeadSet(redis, sidekiq=7).kill(given)

    assert (await only(api.DeadSet(redis))).created_at == 1.7e9


async def test_a_late_copy_of_it_does_not_bring_back_a_job_that_has_gone_on(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Command] = []
    send_all = redis.send

    async def send(commands: list[Command]) -> list[Any]:
        sent.extend(commands)
        replies = await send_all(commands)
        if len(sent) == 2:
            raise ConnectionError("its reply is lost")
        return replies

    monkeypatch.setattr(redis, "send", send)
    await api.ScheduledSet(redis).schedule(FUTURE, payload("a"))
    await api.ScheduledSet(redis).clear()

    put = sent[1]
    assert sent[2] == put
    await send_all([put])

    assert await members(redis, "schedule") == []


async def test_a_job_is_declared_dead(redis: Redis) -> None:
    dead = api.DeadSet(redis)

    await dead.kill(Job.from_map({"class": "Mailer", "args": [1], "jid": "a"}))

    entry = await only(dead)
    seconds, _ = await redis.raw("TIME")
    assert entry.jid == "a"
    assert entry.at == pytest.approx(int(seconds), abs=30)
    assert entry.failed_at == pytest.approx(int(seconds), abs=30)


async def test_the_dead_set_is_cut_to_its_limits(redis: Redis) -> None:
    seconds, _ = await redis.raw("TIME")
    now = int(seconds)
    for age in (300 * 86_400, 100, 50, 10):
        await redis.raw("ZADD", "dead", now - age, payload(str(age)))
    dead = api.DeadSet(redis)

    assert await dead.trim() == 1
    assert await dead.trim(dead_timeout=75) == 1
    assert await dead.trim(dead_limit=1) == 1
    assert await dead.trim(dead_limit=1) == 0

    assert [job.jid async for job in dead] == ["10"]
    with pytest.raises(ConfigError, match="dead_limit must be a whole number"):
        await dead.trim(dead_limit=-1)


@pytest.mark.parametrize("kind", SETS)
async def test_jobs_are_popped_until_none_is_left(
    redis: Redis, kind: type[api.JobSet]
) -> None:
    jobs = kind(redis)
    await lie_in(redis, jobs.name, b"nonsense", payload("a", unique_token="f" * 64))
    await redis.raw("SET", f"kiq:unique:{'f' * 64}", "a")

    met = [job.value async for job in jobs.pop_each()]

    assert met == [b"nonsense", payload("a", unique_token="f" * 64)]
    assert await jobs.size() == 0
    # It goes elsewhere, and its lock with it.
    assert await redis.raw("EXISTS", f"kiq:unique:{'f' * 64}") == 1


async def test_a_job_at_which_somebody_stops_popping_is_still_there(
    redis: Redis,
) -> None:
    await lie_in(redis, "retry", *map(payload, "abc"))
    retries = api.RetrySet(redis)

    async for job in retries.pop_each():
        if job.jid == "b":
            break
    with trio.CancelScope() as scope:
        async for _ in retries.pop_each():
            scope.cancel()

    assert [job.jid async for job in retries] == ["b", "c"]


async def test_what_becomes_of_a_job_before_it_is_popped_stays_so(
    redis: Redis,
) -> None:
    await lie_in(redis, "retry", *map(payload, "abc"))
    retries = api.RetrySet(redis)

    async for job in retries.pop_each():
        if job.jid == "a":
            assert await job.retry()
        elif job.jid == "b":
            assert await job.reschedule(FUTURE + 9)
        else:
            await api.DeadSet(redis).kill(job.value)

    assert await members(redis, "retry") == [(payload("b"), FUTURE + 9)]
    assert len(await waiting(redis, "mail")) == 1
    assert (await only(api.DeadSet(redis))).jid == "c"


async def test_no_more_jobs_are_popped_than_there_were(redis: Redis) -> None:
    await lie_in(redis, "retry", *map(payload, "ab"))
    met = []

    async for job in api.RetrySet(redis).pop_each():
        met.append(job.jid)
        await lie_in(redis, "retry", payload(f"{job.jid}2"), at=1)

    assert len(met) == 2
    assert await api.RetrySet(redis).size() == 2


async def test_what_a_loop_leaves_is_json_that_ruby_reads(redis: Redis) -> None:
    """Byte by byte, or its `reschedule` makes two of it (wire.md §1.6)."""
    await api.RetrySet(redis).schedule(5, {"class": "A", "args": ["é", 10**30]})

    value = (await only(api.RetrySet(redis))).value

    said = json.loads(value)
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    assert text.encode() == value
