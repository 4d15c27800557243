"""Draining a queue: the bare loop, and kiq_trio with all it does."""

import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from bench.clock import Case, Sample, interleave, medians
from bench.loads import LOADS, NOOP, Load, Tally
from bench.meter import Meter
from bench.site import Site
from bench.table import Table
from kiq_trio import Kiq
from kiq_trio._store.fetching import fetch
from kiq_trio._store.keys import backup_key
from kiq_trio._store.registering import leave, register
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.servers import server_from_url

CONCURRENCY = 25
BARE = "bare loop"
SHOWN = ("rate", "best", "cpu_us", "least_us", "redis_us", "trips", "commands", "ratio")


async def measure(site: Site) -> Table:
    """Measure all kinds of jobs beside the bare loop."""
    rounds = await interleave(cases(site), site.rounds)
    return Table(
        f"Drain {site.jobs:,} jobs, {CONCURRENCY} at once",
        "Per job. The bare loop fetches, decodes, awaits and sends one HDEL a batch.",
        medians(rounds, BARE),
        SHOWN,
    )


def cases(site: Site) -> dict[str, Case]:
    """Return the cases of this measurement by name."""
    given = (site.url, site.jobs, CONCURRENCY)
    return {
        BARE: functools.partial(bare, *given),
        "no-op": functools.partial(whole, *given),
        "no-op, logged to a file": functools.partial(logged, *given, site.folder),
        **{n: functools.partial(drain, load, *given) for n, load in LOADS.items()},
    }


async def fill(url: str, count: int, load: Load = NOOP) -> None:
    """Put *count* jobs into an empty Redis."""
    await empty(url)
    await load.fill(url, count)


async def empty(url: str) -> None:
    """Delete all that is in Redis."""
    async with open_redis(server_from_url(url)) as redis:
        await redis.send([("FLUSHALL",)])


async def bare(url: str, count: int, concurrency: int) -> Sample:
    """Fetch, read by orjson, await, one HDEL a batch; nothing else is known or kept.

    The connection and the fetch script are ours, batches are no larger than the
    concurrency, and nothing is fetched ahead.
    """
    await fill(url, count)

    async def noop(*_: object) -> None: ...

    workers = {"noop": noop}
    async with open_redis(server_from_url(url), scripts=SCRIPTS) as redis:
        await register(redis, "bare")
        await redis.wait_up()
        meter = Meter(url)
        done = call = 0
        while done < count:
            call += 1
            jobs = await fetch(
                redis,
                identity="bare",
                producer="default",
                call=call,
                queue="default",
                limit=concurrency,
            )
            for job in jobs:
                fields = orjson.loads(job.payload)
                await workers[fields["class"]](*fields["args"])
            await redis.send([("HDEL", backup_key("bare"), *(j.id for j in jobs))])
            done += len(jobs)
        sample = meter.stop(count)
        await leave(redis, "bare")
    return sample


async def whole(url: str, count: int, concurrency: int) -> Sample:
    """Drain no-op jobs with a `Kiq` and everything that is on by default."""
    await fill(url, count)
    return await work_off(NOOP, url, count, concurrency)


async def drain(load: Load, url: str, count: int, concurrency: int) -> Sample:
    """The same with jobs of another kind."""
    await fill(url, count, load)
    return await work_off(load, url, count, concurrency)


async def work_off(
    load: Load, url: str, count: int, concurrency: int, *, rest: int = 0
) -> Sample:
    """Run *count* jobs that are in Redis, until the last is settled.

    If there is a *rest* beside them, it is left where it is.
    """
    tally = Tally(count)
    made, queues = load.make(tally), {"default": concurrency}
    async with Kiq(redis_url=url, workers=[made], queues=queues, **load.options) as kiq:
        meter = Meter(url)
        await tally.all_done.wait()
        # The last batch is settled while we look now and then whether it is.
        meter.lap()
        if not rest:
            await kiq.wait_idle()
        return meter.stop(count)


async def logged(url: str, count: int, concurrency: int, folder: Path) -> Sample:
    """The same, with a line of JSON in a file for each start and each end."""
    with _logging_to(folder / "jobs.log"):
        return await whole(url, count, concurrency)


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    logger = logging.getLogger("kiq_trio.jobs")
    handler = logging.FileHandler(path)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(logging.WARNING)
        logger.removeHandler(handler)
        handler.close()
