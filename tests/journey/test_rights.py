"""A user of Redis with exactly the rights of our tables can do everything."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import trio

from kiq_trio import Kiq, Snooze, Timing, api, current_job, worker
from kiq_trio._services.presence import new_identity
from kiq_trio._store.browsing import read_page
from kiq_trio._store.burying import (
    Rescued,
    bury,
    bury_orphan,
    drain,
    look_around,
    read_grave,
)
from kiq_trio._store.clearing import clear
from kiq_trio._store.commands import COMMANDS, COMMANDS_OF_SCRIPTS, acl_rules
from kiq_trio._store.counting import read_queues, read_totals
from kiq_trio._store.diagnosing import ping, read_facts
from kiq_trio._store.dumping import read_dumps, write_dump
from kiq_trio._store.enqueueing import Batch, enqueue
from kiq_trio._store.fetching import fetch
from kiq_trio._store.finding import Wanted, find
from kiq_trio._store.iterating import cancel_iteration
from kiq_trio._store.locking import free_all, read_locks
from kiq_trio._store.registering import leave, read_counters, register
from kiq_trio._store.removing import delete_queue
from kiq_trio._store.rota import forget_periodic, read_periodics, write_periodics
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._store.signalling import send_signal
from kiq_trio._store.suspecting import suspect
from kiq_trio._store.sweeping import adopt_strays
from kiq_trio._store.tending import delete, kill, run_again
from kiq_trio._store.ticking import NewJob, Ticking, tick
from kiq_trio._store.watching import read_processes, read_running
from kiq_trio._wire.client import Redis
from kiq_trio._wire.script import Script
from kiq_trio._wire.slot import Argument, Command
from kiq_trio.clients import SyncClient
from tests.servers import RealServer

pytestmark = pytest.mark.server

SOON = timedelta(milliseconds=20)


@worker(unique_for=60, unique_until="start")
async def once() -> None: ...


@worker(retry_in=lambda count, error, job: 0.01 if count == 0 else 1000)
async def failing() -> None:
    raise ValueError("no")


@worker(retry=0)
async def dying() -> None:
    raise ValueError("no")


@worker(unique_for=60)
async def sleepy() -> None:
    await trio.sleep(10)


@worker()
async def snoozing() -> None:
    if "kiq_tick" not in current_job().rest:
        raise Snooze(1000)


@pytest.fixture
def guarded() -> Iterator[RealServer]:
    rules = " ".join(acl_rules())
    with RealServer(user=[f"kiq on >pw resetkeys -@all {rules}"]) as server:
        yield server


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of all scripts that were asked for."""
    names: set[str] = set()
    run = Script.__call__

    def call(script: Script, keys: list[Argument], args: list[Argument]) -> Command:
        names.add(script.name)
        return run(script, keys, args)

    monkeypatch.setattr(Script, "__call__", call)
    return names


async def test_a_user_with_these_rights_may_do_everything_and_nothing_is_denied(
    guarded: RealServer, used: set[str]
) -> None:
    url = f"redis://kiq:pw@127.0.0.1:{guarded.port}/0"
    with trio.fail_after(30):
        await lead_a_life(url)
        await trio.to_thread.run_sync(enqueue_from_elsewhere, url)
        profile_a_job(guarded)
        async with Kiq(redis_url=url, server=False) as kiq:
            await tend(kiq.redis)
            await rescue(kiq.redis)
            await kiq.clear(confirm=True)

    with guarded.client() as admin:
        denied = {entry["object"] for entry in admin.acl_log()}
        sent = admin.info("commandstats")
    assert denied <= {"client|setinfo"}, "which redis-py does without"
    # The beating thread sends the text of its script, not its name.
    assert {script.name for script in SCRIPTS} - used == {"beat"}
    needed = {f"cmdstat_{name.lower()}" for name in (*COMMANDS, *COMMANDS_OF_SCRIPTS)}
    assert needed - set(sent) == set()


async def lead_a_life(url: str) -> None:
    """Run every kind of job, and all services."""
    workers = [once, failing, dying, sleepy, snoozing]
    async with Kiq(
        redis_url=url,
        workers=workers,
        queues={"default": 5},
        timing=Timing().scaled(0.05),
        random=lambda: 0.0,
        shutdown_timeout=0.1,
        periodics=[("* * * * *", snoozing)],
        dear_leader=True,
    ) as kiq:
        await kiq.mark_deploy("v1")
        await kiq.enqueue_many(each.new() for each in workers)
        await kiq.enqueue(once.new(), in_=SOON)
        running = await kiq.enqueue(sleepy.new())
        await kiq.pause("default")
        await kiq.resume("default")
        await kiq.as_leader(trio.lowlevel.checkpoint)
        await trio.sleep(0.5)
        await kiq.cancel(running.duplicate_of or running.jid)
        [name] = await read_counters(kiq.redis)
        await send_signal(kiq.redis, name, "TTIN")
        await trio.sleep(0.3)
        await kiq.pause_periodic("snoozing * * * * * UTC")
        await kiq.resume_periodic("snoozing * * * * * UTC")


def enqueue_from_elsewhere(url: str) -> None:
    with SyncClient(url) as client:
        client.enqueue(once.new())
        client.enqueue(dying.new(), in_=1000)


def profile_a_job(server: RealServer) -> None:
    """Do what only Ruby does."""
    with server.client() as ruby:
        ruby.zadd("profiles", {"mine-a": 9e9})
        ruby.hset("mine-a", mapping={"token": "mine", "jid": "a", "data": "x"})


async def tend(redis: Redis) -> None:
    """Look at everything, and do what people do."""
    await ping(redis)
    await read_facts(redis)
    await read_totals(redis)
    await read_queues(redis)
    await read_processes(redis)
    await read_running(redis)
    await read_counters(redis)
    await read_page(redis, "queue:default", skip=0, limit=10)
    await read_page(redis, "retry", skip=0, limit=10)
    async for _ in read_locks(redis):
        pass
    await look(redis)
    await delete(redis, await find(redis, ["queue:default"], Wanted()))
    await kill(redis, await find(redis, ["retry"], Wanted()), now=1.0)
    await run_again(redis, await find(redis, ["dead"], Wanted()), now=1.0)
    await delete(redis, await find(redis, ["schedule"], Wanted()))
    await cancel_iteration(redis, "abc", now=1.0)
    await write_dump(redis, "token", "host:1:me", b"x")
    await read_dumps(redis, "token", ["host:1:me"])
    await write_periodics(redis, {"nightly": {"crontab": "0 0 * * *"}})
    await tick(redis, [Ticking("nightly", "", "60", NewJob("mail", b"{}", None))])
    await read_periodics(redis)
    await forget_periodic(redis, "nightly")
    await free_all(redis, lambda _: None)


async def look(redis: Redis) -> None:
    """Do what `kiq_trio.api` does and nobody else."""
    await redis.raw("ZADD", "schedule", 5, b'{"class":"A","jid":"a"}')
    scheduled = api.ScheduledSet(redis)
    (entry,) = await scheduled.fetch(5)
    assert await scheduled.find_job("a") == entry
    assert await entry.reschedule(6)
    await api.RetrySet(redis).schedule(5, entry.value)
    async for _ in api.RetrySet(redis).pop_each():
        pass
    await api.DeadSet(redis).trim()
    await api.Iteration.read(redis, "a")
    (profile,) = [one async for one in api.ProfileSet(redis)]
    assert await profile.data() == b"x"
    await api.Queue(redis).latency()
    await api.ProcessSet(redis).cleanup()
    await api.ProcessSet(redis).leader()
    await api.Stats.history(redis, 2)
    await api.Stats.reset(redis)


async def rescue(redis: Redis) -> None:
    """Bury somebody, and give back what he held."""
    dead, orphan = new_identity(), new_identity()
    await register(redis, dead)
    await enqueue(redis, [Batch("lane", 1, "mail", (b'{"class":"A"}',))])
    [job, *_] = await fetch(
        redis, identity=dead, producer="mail", call=1, queue="mail", limit=10
    )
    assert await suspect(redis, job, 1)
    assert await bury(redis, dead, (await read_counters(redis))[dead])
    moves = [Rescued(held, held.payload) for held in await read_grave(redis, dead)]
    await drain(redis, dead, moves, now=1.0, dead_limit=10, dead_timeout=1e10)
    await adopt_strays(redis)
    await look_around(redis)
    await bury_orphan(redis, orphan)
    await leave(redis, orphan)
    await clear(redis)
    await delete_queue(redis, "mail")
