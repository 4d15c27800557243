"""What each step costs that a job takes in our hands, measured alone."""

import random
import time
import timeit
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from itertools import count
from typing import Any

import orjson
import trio

from bench.clock import Row
from bench.enqueue import noop
from bench.loads import PADDING
from bench.site import Site
from bench.table import Table
from kiq_trio import Kiq, encoder
from kiq_trio._background import background
from kiq_trio._pipeline.buffer import Buffer
from kiq_trio._pipeline.entry import Entry
from kiq_trio._pipeline.gate import Gate
from kiq_trio._pipeline.intake import prepare, stamp
from kiq_trio._pipeline.recalls import Recalls
from kiq_trio._pipeline.runs import Run
from kiq_trio._store.enqueueing import Batch, enqueue
from kiq_trio._store.fetching import Delivery
from kiq_trio.current import running
from kiq_trio.events import Succeeded
from kiq_trio.job import Job

Step = Callable[[], Any]
Way = Callable[[], Awaitable[Any]]


async def measure(site: Site) -> Table:
    """Repeat each step alone, and take its best round."""
    repeats = site.either(1_000, 20_000)
    empty = _time(lambda: None, repeats)
    rows: dict[str, Row] = {
        name: {"ns": max(0.0, _time(step, repeats) - empty)}
        for name, step in _steps().items()
    }
    async with Kiq(redis_url=site.url, server=False, workers=[noop]) as kiq:
        buffer = Buffer(kiq.redis, "bench", 1_000, 0.01, random.random)
        async with background(buffer.run):
            for name, way in _ways(kiq, buffer).items():
                rows[name] = {"ns": await _time_way(way, repeats // 10)}
        await kiq.redis.raw("FLUSHALL")
    return Table(
        "Where the time of a job goes",
        "Each step alone, the best of nine rounds. Between them lies the way from one "
        "to the next, and beneath them what a batch costs, whatever its length. "
        "What is said one by one is said to Redis, and waits for its answer.",
        rows,
    )


def _time(step: Step, repeats: int) -> float:
    """Return the nanoseconds that *step* takes."""
    return min(timeit.repeat(step, number=repeats, repeat=9)) / repeats * 1e9


async def _time_way(way: Way, repeats: int) -> float:
    """Return the nanoseconds that *way* takes, to Redis and back."""
    took = []
    for _ in range(9):
        began = time.perf_counter_ns()
        for _ in range(repeats):
            await way()
        took.append(time.perf_counter_ns() - began)
    return min(took) / repeats


def _ways(kiq: Kiq, buffer: Buffer) -> Mapping[str, Way]:
    payload = stamp(noop.new(1, PADDING), now=time.time(), jid="a" * 24).encode()
    numbers = count(1)

    async def store() -> None:
        batch = Batch("bench-script", next(numbers), "default", (payload,))
        await enqueue(kiq.redis, [batch])

    return {
        "one by one: PING": lambda: kiq.redis.raw("PING"),
        "one by one: the script that stores a job": store,
        "one by one: the same, and whoever waits in the buffer": (
            lambda: buffer.put([Entry("a" * 24, "default", payload)])
        ),
        "one by one: `enqueue`": lambda: kiq.enqueue(noop.new(1, PADDING)),
    }


def _steps() -> Mapping[str, Step]:
    now, jid = time.time(), "a" * 24
    fresh = noop.new(1, PADDING)
    made = stamp(fresh, now=now, jid=jid)
    payload, fields = made.encode(), made.to_map()
    delivery = Delivery("default.1.1", "default", payload, "me")
    job = Job.decode(payload)
    gate = Gate(now=time.time, recalls=Recalls(time.time, 60))
    clock = trio.lowlevel.current_clock().current_time
    return {
        "enqueue: `noop.new`": lambda: noop.new(1, PADDING),
        "enqueue: check it and stamp it": lambda: stamp(fresh, now=now, jid=jid),
        "enqueue: orjson": lambda: orjson.dumps(fields),
        "enqueue: make sure that it is what Ruby writes, and keep no buffer": (
            lambda: encoder.encode(fields)
        ),
        "enqueue: all until it is in the buffer": (
            lambda: prepare(noop.new(1, PADDING), now=now, jid=jid)
        ),
        "drain: keep what was fetched": (
            lambda: Delivery("default.1.1", "default", payload, "me")
        ),
        "drain: keep what becomes of it": lambda: Run(delivery),
        "drain: orjson": lambda: orjson.loads(payload),
        "drain: the same, and integers of any size": lambda: encoder.decode(payload),
        "drain: the same, and make a `Job`": lambda: Job.decode(payload),
        "drain: see that nothing keeps it from running": (
            lambda: gate.waves_through(job)
        ),
        "drain: see that its arguments fit their hints": lambda: noop.take(job.args),
        "drain: let `current_job` know": lambda: running.set(job),
        "drain: read the clock, twice a job": clock,
        "drain: `await` a function, three times a job": lambda: _drive(_nothing()),
        "drain: say that it succeeded": lambda: Succeeded(0.1),
    }


async def _nothing() -> None: ...


def _drive(coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        coroutine.send(None)
    except StopIteration:
        return
