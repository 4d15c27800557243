"""The walk of a job, from `enqueue` to where it ends."""

import json
import threading
import time
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Job, Kiq, worker
from kiq_trio._keeping import restore
from kiq_trio._wire.seam import Server
from kiq_trio.errors import JobTimeoutError, UnknownWorkerError
from kiq_trio.events import Ended, Started
from tests.journey.conftest import KiqMaker, Recorder, places

DAY = 86_400.0


def outcome_of(event: Any) -> Any:
    assert isinstance(event, Ended)
    return event.outcome


async def test_a_job_runs_with_its_arguments_on_every_kind_of_server(
    server: Server,
) -> None:
    ran: list[tuple[Any, ...]] = []

    @worker()
    async def note(*args: Any) -> None:
        ran.append(args)

    with trio.fail_after(10):
        async with Kiq(redis_url=server, workers=[note]) as kiq:
            job = await kiq.enqueue(note.new(1, "é", {"k": [None]}))
            await kiq.wait_idle()
            assert await places(kiq) == {}

    assert ran == [(1, "é", {"k": [None]})]
    assert len(job.jid) == 24


async def test_a_plain_function_runs_in_a_thread(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    threads: list[int] = []

    @worker()
    def plain() -> None:
        threads.append(threading.get_ident())

    async with make_kiq(workers=[plain]) as kiq:
        await kiq.enqueue(plain.new())
        await kiq.wait_idle()

    assert threads != [threading.get_ident()]
    assert len(threads) == 1


async def test_a_timeout_does_not_run_while_a_job_waits_for_a_thread(
    make_kiq: KiqMaker,
) -> None:
    done: list[int] = []

    @worker(timeout=0.5, retry=0)
    def slow(n: int) -> None:
        time.sleep(0.15)
        done.append(n)

    async with make_kiq(workers=[slow], queues={"default": 6}, threads=1) as kiq:
        await kiq.enqueue_many([slow.new(n) for n in range(6)])
        await kiq.wait_idle()

    assert sorted(done) == list(range(6))


async def test_enqueueing_very_many_lets_others_run(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await trio.lowlevel.checkpoint()

    async with make_kiq(server=False) as kiq, trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        await kiq.enqueue_many([{"class": "A"}] * 3_000)
        nursery.cancel_scope.cancel()

    assert ticks > 10


async def test_jobs_of_one_queue_start_in_the_order_in_which_they_came(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    ran: list[int] = []

    @worker()
    async def note(n: int) -> None:
        ran.append(n)

    async with make_kiq(workers=[note], queues={"default": 1}) as kiq:
        await kiq.enqueue_many([note.new(n) for n in range(250)])
        await kiq.wait_idle()

    assert ran == list(range(250))


async def test_no_more_jobs_run_at_once_than_the_queue_allows(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    running = most = 0

    @worker()
    async def busy() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(1)
        running -= 1

    async with make_kiq(workers=[busy], queues={"default": 7}) as kiq:
        await kiq.enqueue_many([busy.new() for _ in range(30)])
        began = trio.current_time()
        await kiq.wait_idle()

    assert most == 7
    assert trio.current_time() - began < 8


async def test_a_job_that_fails_once_is_retried_and_then_done(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    tries: list[float] = []

    @worker()
    async def shaky() -> None:
        tries.append(trio.current_time())
        if len(tries) == 1:
            raise ValueError("not yet")

    async with make_kiq(workers=[shaky]) as kiq:
        await kiq.enqueue(shaky.new())
        await recorder.heard("Succeeded")

    assert recorder.names == ["Started", "Failed", "Started", "Succeeded"]
    assert 15 <= tries[1] - tries[0] < 30


async def test_all_twenty_five_retries_are_lived_through_in_a_second(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    @worker()
    async def hopeless() -> None:
        raise ValueError("never")

    async with make_kiq(workers=[hopeless]) as kiq:
        began = trio.current_time()
        await kiq.enqueue(hopeless.new())
        await recorder.heard("Failed", times=26)
        found = await places(kiq)

    assert list(found) == ["dead"]
    [payload] = found["dead"]
    assert json.loads(payload)["retry_count"] == 25
    assert 20 * DAY < trio.current_time() - began < 22 * DAY


async def test_a_job_for_later_starts_when_it_is_due_and_not_before(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    started: list[float] = []

    @worker()
    async def note() -> None:
        started.append(trio.current_time())

    async with make_kiq(workers=[note]) as kiq:
        asked = trio.current_time()
        await kiq.enqueue(note.new(), in_=3600)
        await recorder.heard("Succeeded")

    assert 3600 <= started[0] - asked < 3610


@pytest.mark.parametrize("queue", ["a-b", "a_b", "a.b", "a:b", "B-2_c.d"])
async def test_a_job_for_later_comes_to_a_queue_of_any_name(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, queue: str
) -> None:
    @worker(queue=queue)
    async def noop() -> None: ...

    async with make_kiq(workers=[noop], queues={queue: 1}) as kiq:
        job = await kiq.enqueue(noop.new(), in_=60)
        event = await recorder.heard("Started")

    assert isinstance(event, Started)
    assert (event.job.jid, event.job.queue) == (job.jid, queue)


async def test_without_schedulers_what_is_for_later_is_left_to_other_processes(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    @worker()
    async def noop() -> None: ...

    async with make_kiq(workers=[noop], schedulers=[]) as kiq:
        await kiq.enqueue(noop.new(), in_=60)
        await trio.sleep(DAY)
        assert list(await places(kiq)) == ["schedule"]

        async with make_kiq(server=True, queues={"other": 1}):
            await recorder.heard("Succeeded")


@pytest.mark.parametrize("swallow", [False, True])
async def test_a_job_that_runs_too_long_has_failed_even_if_it_will_not_hear(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, swallow: bool
) -> None:
    @worker(timeout=5, retry=False)
    async def slow() -> None:
        try:
            await trio.sleep(60)
        except trio.Cancelled:
            if not swallow:
                raise

    async with make_kiq(workers=[slow]) as kiq:
        await kiq.enqueue(slow.new())
        outcome = outcome_of(await recorder.heard("Failed"))
        await kiq.wait_idle()
        assert await places(kiq) == {}

    assert isinstance(outcome.error, JobTimeoutError)
    assert outcome.took == pytest.approx(5)


async def test_a_job_that_ends_in_time_is_not_disturbed_by_its_timeout(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    @worker(timeout=5)
    async def quick() -> None:
        await trio.sleep(4)

    async with make_kiq(workers=[quick]) as kiq:
        await kiq.enqueue(quick.new())
        await recorder.heard("Succeeded")


async def test_a_job_of_an_unknown_class_waits_for_a_release_that_knows_it(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq() as kiq:
        await kiq.enqueue({"class": "os.system", "args": ["true"]})
        outcome = outcome_of(await recorder.heard("Failed"))
        await kiq.wait_idle()
        found = await places(kiq)

    assert isinstance(outcome.error, UnknownWorkerError)
    [payload] = found["retry"]
    assert Job.decode(payload).retry_count == 0


@pytest.mark.parametrize("payload", [b"not json", b"[1]", b"\xff"])
async def test_what_is_no_job_goes_to_the_dead_set_and_is_kept_to_the_byte(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, payload: bytes
) -> None:
    @worker()
    async def fine() -> None: ...

    async with make_kiq(workers=[fine]) as kiq:
        await kiq.redis.raw("LPUSH", "queue:default", payload, payload)
        await kiq.enqueue(fine.new())
        await recorder.heard("Succeeded")
        await kiq.wait_idle()
        found = await places(kiq)
        assert found.keys() == {"dead"}
        assert {restore(one) for one in found["dead"]} == {payload}


async def test_an_object_that_is_no_job_is_dead_with_what_sidekiqs_pages_want(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    given = b'{"args":[],"jid":"1","retry_count":1,"tags":"a"}'
    async with make_kiq(queues={"low": 1}) as kiq:
        await kiq.redis.raw("LPUSH", "queue:low", given)
        await kiq.wait_idle()
        [found] = (await places(kiq))["dead"]

    fields = json.loads(found)
    times = {"failed_at": fields["failed_at"], "retried_at": fields["retried_at"]}
    shown = {"queue": "low", "tags": ["a"], "kiq_kept": {"tags": "a"}}
    assert fields == json.loads(given) | times | shown
    assert all(type(one) is int and one > 1e12 for one in times.values())


@pytest.mark.parametrize("place", ["queue", "schedule", "grave"])
async def test_a_job_nested_too_deeply_for_ruby_is_kept_and_disturbs_nobody(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder, place: str
) -> None:
    deep = b'{"class":"A","args":[' + b"[" * 150 + b"]" * 150 + b"]}"

    async with make_kiq(server=False) as kiq:
        if place == "queue":
            await kiq.redis.raw("LPUSH", "queue:default", deep)
        elif place == "schedule":
            await kiq.redis.raw("ZADD", "schedule", "1", deep)
        else:
            held = b"default\n" + deep
            await kiq.redis.raw("HSET", "kiq:backup|gone", "default.1.0", held)
            await kiq.redis.raw("SADD", "kiq:graves", "gone")
    async with make_kiq() as kiq:
        with trio.move_on_after(60):
            await trio.sleep_forever()
        assert await places(kiq) == {"dead": [deep]}


async def test_a_failed_job_counts_as_processed_as_well(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    @worker()
    async def odd(number: int) -> None:
        if number % 2:
            raise ValueError(number)

    async with make_kiq(workers=[odd]) as kiq:
        await kiq.enqueue_many(odd.new(n) for n in range(5))
        await recorder.heard("Failed", times=2)
        await kiq.wait_idle()

    async with make_kiq(server=False) as kiq:
        told = await kiq.redis.raw("MGET", "stat:processed", "stat:failed")

    assert told == [b"5", b"2"]


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(1),
        GeneratorExit(),
        BaseExceptionGroup("several", [SystemExit()]),
        ExceptionGroup("two", [ValueError(), KeyError()]),
        RecursionError(),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_job_raises_its_consumer_lives_on(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    error: BaseException,
) -> None:
    @worker(retry=0)
    async def wild() -> None:
        raise error

    @worker()
    async def fine() -> None: ...

    async with make_kiq(workers=[wild, fine], queues={"default": 1}) as kiq:
        await kiq.enqueue(wild.new())
        await kiq.enqueue(fine.new())
        await recorder.heard("Succeeded")

    assert recorder.names == ["Started", "Failed", "Started", "Succeeded"]


async def test_a_cancellation_that_nobody_asked_for_is_a_failure(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    @worker(retry=0)
    async def odd() -> None:
        stolen: BaseException | None = None
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.lowlevel.checkpoint()
            except trio.Cancelled as cancelled:
                stolen = cancelled
        assert stolen is not None
        raise stolen

    async with make_kiq(workers=[odd]) as kiq:
        await kiq.enqueue(odd.new())
        await recorder.heard("Failed")


async def test_what_a_worker_does_to_its_arguments_does_not_change_its_retry(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    seen: list[list[Any]] = []

    @worker()
    async def rude(items: list[Any]) -> None:
        seen.append(list(items))
        items.append(object())
        if len(seen) == 1:
            raise ValueError

    async with make_kiq(workers=[rude]) as kiq:
        await kiq.enqueue(rude.new([1]))
        await recorder.heard("Succeeded")

    assert seen == [[1], [1]]


async def test_two_instances_in_one_process_share_the_work_and_nothing_else(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    ran: list[str] = []

    def make_worker(label: str) -> Any:
        @worker(name="note", queue=label)
        async def note() -> None:
            ran.append(label)

        return note

    a, b = make_worker("a"), make_worker("b")
    async with (
        make_kiq(workers=[a], queues={"a": 1}) as one,
        make_kiq(workers=[b], queues={"b": 1}) as two,
    ):
        await one.enqueue(b.new())
        await two.enqueue(a.new())
        await one.wait_idle()
        await two.wait_idle()

    assert sorted(ran) == ["a", "b"]


async def test_a_client_enqueues_and_runs_nothing(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False) as kiq:
        await kiq.enqueue({"class": "A", "args": []})
        await trio.sleep(60)
        assert list(await places(kiq)) == ["queue:default"]
        assert await kiq.redis.raw("HLEN", "kiq:processes") == 0


async def test_what_goes_through_the_hands_of_other_programs_keeps_their_fields(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    payload = (
        b'{"retry":true,"queue":"default","cattr":[[1]],"args":[],"class":"A",'
        b'"jid":"j-1","bid":"b","created_at":1795318226.5,"locale":"en"}'
    )

    async with make_kiq(accept=("bid",)) as kiq:
        await kiq.redis.raw("LPUSH", "queue:default", payload)
        await recorder.heard("Failed")
        await kiq.wait_idle()
        [kept] = (await places(kiq))["retry"]

    fields = json.loads(kept)
    assert {
        name: fields[name] for name in ("cattr", "bid", "created_at", "locale")
    } == {
        "cattr": [[1]],
        "bid": "b",
        "created_at": 1795318226.5,
        "locale": "en",
    }
