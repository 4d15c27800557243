"""What clients store, and what they refuse to."""

import inspect
import json
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis

from kiq_trio import ConfigError, EncodeError, Kiq, Queue, QueueFull, worker
from kiq_trio._wire.address import Address
from kiq_trio._wire.remote import RemoteServer
from kiq_trio.clients import AsyncioClient, SyncClient
from tests.clients.callers import AsyncioCaller, Caller, SyncCaller, args_in, waiting
from tests.clients.conftest import Make
from tests.servers import RealServer


@worker(queue="mail", retry=3, expires_in=60, tags=["a"])
async def welcome(user_id: int) -> None: ...


@worker(unique_for=60)
async def once(name: str) -> None: ...


def without_times(job: Mapping[str, Any]) -> dict[str, Any]:
    times = {"created_at", "enqueued_at", "expires_at"}
    assert times <= job.keys()
    return {name: value for name, value in job.items() if name not in times}


def test_a_job_is_stored_and_returned_as_it_is_stored(
    caller: Caller, store: redis.Redis
) -> None:
    job = caller.enqueue(welcome.new(user_id=42))

    assert len(job.jid) == 24
    assert waiting(store, "mail") == [json.loads(job.encode())]
    assert store.smembers("queues") == {b"mail"}
    assert job.duplicate_of is None
    assert job.created_at == pytest.approx(time.time(), abs=10)


def test_times_are_those_of_the_sidekiq_that_shares_the_redis(
    make: Make, store: redis.Redis
) -> None:
    make(sidekiq=7).enqueue(welcome.new(1))
    make().enqueue(welcome.new(2))

    old, new = (
        [job[name] for name in ("created_at", "enqueued_at", "expires_at")]
        for job in waiting(store, "mail")
    )
    # The last is ours, and milliseconds always.
    assert [type(one) for one in old] == [float, float, int]
    assert [type(one) for one in new] == [int, int, int]
    with pytest.raises(ConfigError, match="sidekiq must be one of 8, 7, 6, got 9"):
        make(sidekiq=9)


@pytest.mark.server
async def test_a_client_stores_what_a_kiq_stores(empty_server: RealServer) -> None:
    address = Address.from_url(empty_server.url)
    job = welcome.new(42).set(jid="j1")

    async with Kiq(redis_url=RemoteServer(address), server=False) as kiq:
        await kiq.enqueue(job)
    client = SyncCaller(empty_server.url)
    client.enqueue(job)
    client.close()

    with empty_server.client() as store:
        ours, theirs = waiting(store, "mail")
    assert without_times(ours) == without_times(theirs)
    assert list(ours) == list(theirs)


def test_a_mapping_is_a_job(caller: Caller, store: redis.Redis) -> None:
    caller.enqueue({"class": "External", "args": [1], "queue": "rb", "bid": "b"})

    [job] = waiting(store, "rb")
    assert (job["class"], job["args"], job["bid"]) == ("External", [1], "b")


def test_a_job_for_later_is_in_the_schedule(caller: Caller, store: redis.Redis) -> None:
    at = time.time() + 3600
    caller.enqueue(welcome.new(1), at=at)
    later = caller.enqueue(welcome.new(2), in_=timedelta(days=1))

    rows: Any = store.zrange("schedule", 0, -1, withscores=True)
    [(first, score), (second, _)] = rows
    assert score == at
    assert json.loads(first)["args"] == [1]
    assert json.loads(second)["jid"] == later.jid
    assert "enqueued_at" not in json.loads(second)
    assert later.at == pytest.approx(time.time() + 86_400, abs=10)


def test_many_jobs_keep_their_order_in_each_place(
    caller: Caller, store: redis.Redis
) -> None:
    queues = ["a", "b", "c"]
    jobs = [welcome.new(n).set(queue=queues[n % 3]) for n in range(3_333)]

    stored = caller.enqueue_many(iter(jobs))

    assert [job.args[0] for job in stored] == list(range(3_333))
    for start, queue in enumerate(queues):
        assert args_in(store, queue) == list(range(start, 3_333, 3))
    assert caller.enqueue_many([]) == []


def test_calls_one_after_the_other_use_the_same_lane(
    caller: Caller, store: redis.Redis
) -> None:
    for n in range(20):
        caller.enqueue(welcome.new(n))

    [lane] = store.keys("kiq:flush|*")
    assert store.get(lane) == b"20"
    assert args_in(store, "mail") == list(range(20))


def test_a_duplicate_is_not_stored_and_names_the_first(
    caller: Caller, store: redis.Redis
) -> None:
    first = caller.enqueue(once.new("a"))
    second, other = caller.enqueue_many([once.new("a"), once.new("b")])

    assert (second.duplicate_of, other.duplicate_of) == (first.jid, None)
    assert args_in(store) == ["a", "b"]


def test_a_lock_is_looked_at_and_freed(caller: Caller, store: redis.Redis) -> None:
    assert caller.find_lock_owner(once.new("a")) is None
    assert caller.unlock(once.new("a")) is None
    job = caller.enqueue(once.new("a"))

    assert caller.find_lock_owner(once.new("a")) == job.jid
    assert caller.unlock(once.new("a")) == job.jid
    assert caller.find_lock_owner(once.new("a")) is None
    assert caller.enqueue(once.new("a")).duplicate_of is None


def test_a_full_queue_raises_if_nobody_is_to_wait(
    make: Make, store: redis.Redis
) -> None:
    caller = make(queues={"mail": Queue(max_size=2)}, on_full="raise")

    with pytest.raises(QueueFull, match="'mail' already holds 2"):
        caller.enqueue_many([*map(welcome.new, range(3)), once.new("a")])

    assert args_in(store, "mail") == [0, 1]
    assert args_in(store) == ["a"]


def test_a_full_queue_is_waited_for_no_longer_than_the_timeout(
    make: Make, store: redis.Redis
) -> None:
    caller = make(queues={"mail": Queue(max_size=1)}, timeout=0.05)
    caller.enqueue(welcome.new(1))

    with pytest.raises(QueueFull):
        caller.enqueue(welcome.new(2))

    assert args_in(store, "mail") == [1]


def test_who_waits_for_room_gets_it(make: Make, store: redis.Redis) -> None:
    queue = Queue(max_size=1, on_full="wait")
    caller = make(queues={"mail": queue}, on_full="raise", timeout=None)
    caller.enqueue(welcome.new(1))
    eater = threading.Thread(target=lambda: store.brpop(["queue:mail"], 10))

    timer = threading.Timer(0.05, eater.start)
    timer.start()
    caller.enqueue(welcome.new(2))
    timer.join()
    eater.join()

    assert args_in(store, "mail") == [2]


def test_what_cannot_be_a_job_stores_nothing(
    caller: Caller, store: redis.Redis
) -> None:
    with pytest.raises(EncodeError, match=r"welcome: args\[0\]"):
        caller.enqueue_many([welcome.new(1), welcome.new(float("nan"))])  # type: ignore[arg-type]  # the mistake.
    with pytest.raises(ConfigError, match="time zone"):
        caller.enqueue(welcome.new(1), at=datetime(2030, 1, 1))  # noqa: DTZ001
    with pytest.raises(ConfigError, match="a job is made by"):
        caller.unlock(42)  # type: ignore[arg-type]  # likewise.

    assert store.keys() == []


@pytest.mark.server
@pytest.mark.parametrize("decode", [True, False], ids=["text", "bytes"])
@pytest.mark.parametrize("protocol", [2, 3])
def test_a_client_of_redispy_may_decode_or_not(
    empty_server: RealServer, protocol: int, decode: bool
) -> None:
    options: Any = {"decode_responses": decode, "protocol": protocol}
    blocking = redis.Redis.from_url(empty_server.url, **options)
    awaited = redis.asyncio.Redis.from_url(empty_server.url, **options)
    limits = {"queues": {"default": Queue(max_size=2)}, "on_full": "raise"}
    callers: Any = [SyncCaller(blocking, **limits), AsyncioCaller(awaited, **limits)]

    for number, caller in enumerate(callers):
        first = caller.enqueue(once.new(f"{number}"))
        assert caller.enqueue(once.new(f"{number}")).duplicate_of == first.jid
        assert caller.find_lock_owner(once.new(f"{number}")) == first.jid
    for caller in callers:
        with pytest.raises(QueueFull):
            caller.enqueue(once.new("c"))
    blocking.close()
    callers[1].run(awaited.aclose())
    for caller in callers:
        caller.close()


def test_a_client_of_yours_is_not_closed(store: redis.Redis) -> None:
    with SyncCaller(store).client:
        pass

    assert store.ping() is True


@pytest.mark.parametrize("kind", [SyncCaller, AsyncioCaller])
def test_an_argument_that_cannot_work_is_named(kind: type[Caller]) -> None:
    def refused(*args: Any, **options: Any) -> str:
        with pytest.raises(ConfigError) as caught:
            kind(*args, **options)
        return str(caught.value)

    assert "memory:// needs a Kiq" in refused("memory://")
    assert "scheme must be one of" in refused("http://example.org")
    assert "redis must be a URL or a redis." in refused(42)
    assert "on_full must be 'wait' or 'raise'" in refused(on_full="maybe")
    assert "timeout must be" in refused(timeout=0)
    assert "queues['a'] must be" in refused(queues={"a": 0})


def test_the_client_of_the_other_kind_is_refused(store: redis.Redis) -> None:
    awaited = redis.asyncio.Redis()

    with pytest.raises(ConfigError, match=r"a URL or a redis\.Redis"):
        SyncCaller(awaited)
    with pytest.raises(ConfigError, match=r"a URL or a redis\.asyncio\.Redis"):
        AsyncioCaller(store)
    with pytest.raises(ConfigError, match=r"a URL or a redis\.Redis"):
        SyncCaller(store.pipeline())


def test_a_deadline_travels_with_the_job(caller: Caller, store: redis.Redis) -> None:
    at = time.time() + 60
    job = caller.enqueue({"class": "External"}, deadline=at)

    assert job.deadline == pytest.approx(at, abs=0.001)
    assert waiting(store) == [json.loads(job.encode())]
    with pytest.raises(ConfigError, match="deadline must be after"):
        caller.enqueue_many([welcome.new(1)], in_=120, deadline=at)


def test_both_clients_have_one_face() -> None:
    def face(kind: type) -> dict[str, inspect.Signature]:
        members = inspect.getmembers(kind, inspect.isfunction)
        return {n: inspect.signature(f) for n, f in members if n[0] != "_"}

    ours, theirs = face(SyncClient), face(AsyncioClient)

    assert ours.pop("close") == theirs.pop("aclose")
    assert ours == theirs
    makers = [
        inspect.signature(kind).parameters for kind in (SyncClient, AsyncioClient)
    ]
    assert [*makers[0]] == [*makers[1]]
