"""Draining a queue of no-op jobs: the bare loop, and kiq_trio with all it does."""

import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from bench.clock import Case, Sample, Stopwatch
from kiq_trio import Kiq, encoder, worker
from kiq_trio._store.fetching import fetch
from kiq_trio._store.keys import backup_key
from kiq_trio._store.registering import leave, register
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.servers import server_from_url

PADDING = "x" * 180
"""Makes a payload about 300 bytes long."""


async def fill(url: str, count: int) -> None:
    """Put *count* no-op jobs into an empty queue."""
    async with Kiq(redis_url=url, server=False) as kiq:
        await kiq.redis.flushall()
        jobs = [{"class": "noop", "args": [n, PADDING]} for n in range(count)]
        await kiq.enqueue_many(jobs)


async def bare(url: str, count: int, concurrency: int) -> Sample:
    """Fetch, decode, await, one HDEL a batch; nothing else is known or kept.

    The connection and the fetch script are ours, batches are no larger than the
    concurrency, and nothing is fetched ahead.
    """
    await fill(url, count)

    async def noop(*_: object) -> None: ...

    workers = {"noop": noop}
    async with open_redis(server_from_url(url), scripts=SCRIPTS) as redis:
        await register(redis, "bare")
        await redis.wait_up()
        watch = Stopwatch.start()
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
                fields = encoder.decode(job.payload)
                await workers[fields["class"]](*fields["args"])
            await redis.send([("HDEL", backup_key("bare"), *(j.id for j in jobs))])
            done += len(jobs)
        sample = watch.stop(count)
        await leave(redis, "bare")
    return sample


async def whole(url: str, count: int, concurrency: int) -> Sample:
    """Drain the queue with a `Kiq` and everything that is on by default."""
    await fill(url, count)
    done = 0
    all_done = trio.Event()

    @worker()
    async def noop(n: int, padding: str) -> None:  # noqa: ARG001 - as a job has.
        nonlocal done
        done += 1
        if done == count:
            all_done.set()

    queues = {"default": concurrency}
    async with Kiq(redis_url=url, workers=[noop], queues=queues) as kiq:
        watch = Stopwatch.start()
        await all_done.wait()
        await kiq.wait_idle()
        return watch.stop(count)


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
    logger.propagate = False
    try:
        yield
    finally:
        logger.setLevel(logging.WARNING)
        logger.removeHandler(handler)
        logger.propagate = True
        handler.close()


def cases(url: str, count: int, concurrency: int, folder: Path) -> dict[str, Case]:
    """Return the cases of this measurement by name."""
    given = (url, count, concurrency)
    return {
        "bare loop": functools.partial(bare, *given),
        "kiq_trio, logger at WARNING": functools.partial(whole, *given),
        "kiq_trio, logger at INFO to a file": functools.partial(logged, *given, folder),
    }
