"""All that is done here to have payloads where a page of Sidekiq's UI shows them.

`writing_paths.py` has the table of it.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import trio

from kiq_trio import Discard, Snooze, api, worker
from tests.conftest import EPOCH
from tests.journey.scene import Scene

TAGS = ("a", "é")
HELD = {"class": "A", "jid": "1"}
LATER = EPOCH + 7_200
DEEP = "[" * 150 + "]" * 150
ODDITIES: tuple[dict[str, Any], ...] = (
    {"tags": "a"},
    {"tags": [1, None]},
    {"cattr": "x"},
    {"encrypt": True, "args": []},
    {"created_at": "2026-11-22T03:30:26Z"},
    {"discarded_at": "x"},
    {"error_backtrace": "junk"},
    {"error_backtrace": ["a.rb:1:in `perform'"]},
    {"retry_count": "4"},
    {"retry_count": 0, "failed_at": "2013-07-29 03:26:41 UTC"},
    {"retry_count": 1, "failed_at": 1e300, "retried_at": "x"},
    {"queue": None},
)
"""What others may have written, of which each breaks a page."""
NO_ENVELOPE = {"class": "Sidekiq::ActiveJob::Wrapper", "wrapped": "M", "args": [None]}


class LocalError(Exception):
    """Its name is no trouble, but that of one in a function is."""


@worker(tags=TAGS, backtrace=True)
async def fail(text: str) -> None:
    class InnerError(Exception):
        pass

    raise InnerError(text)


@worker(retry=0, tags=TAGS, backtrace=5)
async def die() -> None:
    raise LocalError("<b>é</b>")


@worker()
async def snooze() -> None:
    raise Snooze(3_600)


@worker()
async def sleep() -> None:
    await trio.sleep_forever()


@worker()
async def drop() -> None:
    raise Discard("no")


@worker(unique_for=3_600, tags=TAGS)
async def alone() -> None:
    await trio.sleep_forever()


WORKERS = [fail, die, snooze, sleep, drop, alone]
AT_REST = {"queues": {"elsewhere": 1}}
"""Options of a process that leaves the queue of these jobs alone."""


Deed: TypeAlias = Callable[[Scene], Awaitable[object]]


async def enqueue(scene: Scene) -> None:
    kiq = scene.kiq
    await kiq.enqueue(fail.new("é"))
    await kiq.enqueue_many([fail.new("1"), {"class": "Ruby::Job", "tags": ["x"]}])
    kiq.enqueue_nowait(fail.new("2"))
    await kiq.flush()


async def enqueue_on_terms(scene: Scene) -> None:
    await scene.kiq.enqueue(alone.new())
    again = await scene.kiq.enqueue(alone.new())
    assert again.duplicate_of


async def schedule(scene: Scene) -> None:
    await scene.kiq.enqueue(fail.new("é"), in_=60)
    again = await scene.kiq.enqueue(fail.new("é"))
    await scene.kiq.enqueue(again, at=LATER)


async def stage(scene: Scene) -> None:
    await scene.kiq.enqueue(fail.new("é"), in_=60)
    await trio.sleep(120)


async def stage_what_cannot_run(scene: Scene) -> None:
    await scene.wait_in("retry", EPOCH, **{"class": "A", "jid": "1", "tags": "a"})
    await scene.wait_in("schedule", EPOCH, **{"class": "A", "jid": "2", "args": 7})
    await trio.sleep(120)


async def tick(scene: Scene) -> None:
    await trio.sleep(3_700)


async def fail_once(scene: Scene) -> None:
    await scene.kiq.enqueue(fail.new("x" * 20_000))
    await scene.recorder.heard("Failed")


async def fail_thrice(scene: Scene) -> None:
    await scene.kiq.enqueue(fail.new("x"))
    await scene.recorder.heard("Failed", 3)


async def fail_as_twins(scene: Scene) -> None:
    await scene.push(**{"class": "fail", "args": ["x"], "jid": "1"})
    await scene.push(**{"class": "fail", "args": ["x"], "jid": "1"})
    await scene.recorder.heard("Failed", 2)


async def fail_after_others(scene: Scene) -> None:
    # Kiq's own, which tell nothing of a first failure that is read here.
    one = {"class": "fail", "args": ["x"]}
    await scene.push(**one, jid="1", retry_count=3)
    await scene.push(**one, jid="2", retry_count="4")
    await scene.push(**one, jid="3", failed_at="yesterday", retry_count=1)
    await scene.recorder.heard("Failed", 3)


async def fail_with_a_tag(scene: Scene) -> None:
    # Which is no list: Sidekiq's client refuses that, Redis does not.
    await scene.push(**{"class": "fail", "args": ["x"], "jid": "1", "tags": "a"})
    await scene.push(**{"class": "snooze", "jid": "2", "tags": "a"})
    await scene.recorder.heard("Failed")
    await scene.recorder.heard("Snoozed")


async def fail_with_oddities(scene: Scene) -> None:
    for n, odd in enumerate(ODDITIES):
        await scene.push(**{"class": "fail", "args": ["x"], "jid": f"{n}"} | odd)
    await scene.push(**NO_ENVELOPE)
    await scene.recorder.heard("Failed", len(ODDITIES) + 1)


async def put_off_with_oddities(scene: Scene) -> None:
    for n, odd in enumerate(ODDITIES):
        await scene.push(**{"class": "A", "bid": "b", "jid": f"{n}"} | odd)
    await scene.push(**NO_ENVELOPE, bid="b")
    await trio.sleep(1)


async def die_at_once(scene: Scene) -> None:
    await scene.kiq.enqueue(die.new())
    await scene.recorder.heard("Failed")


async def be_no_job(scene: Scene) -> None:
    await scene.push(jid="1", tags="a", retry_count=1)
    await scene.push_raw("[1]")
    await trio.sleep(1)


async def be_too_large(scene: Scene) -> None:
    """Nobody reads it, so nobody can add what pages want; it came with that."""
    limit = 2 * scene.kiq.config.payload_limit
    written = scene.kiq.config.write_time(EPOCH)
    await scene.push(jid="1", queue="default", args=["x" * limit], failed_at=written)
    await trio.sleep(1)


async def be_too_deep(scene: Scene) -> None:
    head = '{"class":"Ruby::Job","jid":'
    await scene.push_raw(f'{head}"1","args":[{DEEP}]}}')
    await scene.push_raw(f'{head}"2","bid":"b","args":[{DEEP}]}}')
    await trio.sleep(1)


async def be_snoozed(scene: Scene) -> None:
    await scene.kiq.enqueue(snooze.new())
    await scene.recorder.heard("Snoozed")


async def be_put_off(scene: Scene) -> None:
    await scene.kiq.enqueue({"class": "Ruby::Job", "bid": "b"})
    secret = {"class": "Ruby::Job", "args": [1, "x"], "encrypt": True}
    await scene.kiq.enqueue(secret)
    await trio.sleep(1)


async def be_interrupted(scene: Scene) -> None:
    options = {"workers": WORKERS, "shutdown_timeout": 0, "queues": {"default": 1}}
    async with scene.other(**options) as other:
        await other.enqueue_many([sleep.new(), sleep.new(), fail.new("x")])
        await scene.recorder.heard("Started")


async def lose_its_process(scene: Scene) -> None:
    await scene.hold(scene.spell(**HELD))
    await trio.sleep(120)


async def kill_its_processes(scene: Scene) -> None:
    await scene.hold(scene.spell(**HELD))
    await trio.sleep(120)
    for _ in range(2):
        payload = await scene.kiq.redis.raw("RPOP", "queue:default")
        await scene.hold(payload.decode())
        await trio.sleep(120)


async def be_in_no_queue(scene: Scene) -> None:
    await scene.hold(scene.spell(**HELD, tags="a"), queue="")
    await trio.sleep(120)


async def run_by_hand(scene: Scene) -> None:
    """From each set, of jobs that failed and of such as did not."""
    sidekiq = scene.kiq.config.sidekiq
    failed = {"class": "A", "failed_at": scene.kiq.config.write_time(EPOCH)}
    for kind in (api.RetrySet, api.ScheduledSet, api.DeadSet):
        for n in range(2):
            more = {"jid": f"{n}", "retry_count": 0, "kiq_copy": kind.name}
            await scene.wait_in(kind.name, LATER, **failed, **more)
        jobs = kind(scene.kiq.redis, sidekiq=sidekiq)
        [one, other] = [job async for job in jobs]
        assert await one.retry()
        assert await other.add_to_queue()


async def kill_by_hand(scene: Scene) -> None:
    """What failed, what never did, and what is no job."""
    one = {"class": "A"}
    await scene.kiq.enqueue(fail.new("x"), in_=60)
    await scene.wait_in("retry", LATER, **one, jid="1", retry_count=2)
    await scene.wait_in("retry", LATER, jid="2", tags="a")
    redis, sidekiq = scene.kiq.redis, scene.kiq.config.sidekiq
    assert await api.RetrySet(redis, sidekiq=sidekiq).kill_all() == 2
    assert await api.ScheduledSet(redis, sidekiq=sidekiq).kill_all() == 1


async def put_by_hand(scene: Scene) -> None:
    """Into each set, what a program says and what lay somewhere."""
    redis, sidekiq = scene.kiq.redis, scene.kiq.config.sidekiq
    for kind in (api.ScheduledSet, api.RetrySet, api.DeadSet):
        jobs = kind(redis, sidekiq=sidekiq)
        await jobs.schedule(LATER, fail.new(kind.name))
        await jobs.schedule(LATER, {"class": "A", "args": ["é"], "at": 5})
        await jobs.schedule(LATER, scene.spell(**HELD, retry_count=1))
    await api.DeadSet(redis, sidekiq=sidekiq).kill(scene.spell(**{**HELD, "jid": "2"}))


async def pop_by_hand(scene: Scene) -> None:
    redis, sidekiq = scene.kiq.redis, scene.kiq.config.sidekiq
    await scene.wait_in("retry", LATER, **HELD, retry_count=1)
    async for job in api.RetrySet(redis).pop_each():
        await api.DeadSet(redis, sidekiq=sidekiq).kill(job.value)


async def reschedule_by_hand(scene: Scene) -> None:
    await scene.kiq.enqueue(fail.new("x"), in_=60)
    [job] = [one async for one in api.ScheduledSet(scene.kiq.redis)]
    assert await job.reschedule(LATER)


async def delete_by_hand(scene: Scene) -> None:
    await scene.kiq.enqueue_many([fail.new("x"), fail.new("y")])
    [job, _] = [one async for one in api.Queue(scene.kiq.redis)]
    assert await job.delete()
