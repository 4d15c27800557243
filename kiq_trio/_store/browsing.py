"""Looking through the jobs that are somewhere, without touching them."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import cached_property

import attrs

from kiq_trio._store.doubt import persist_one
from kiq_trio._store.keys import DEAD, RETRY, SCHEDULE, queue_key
from kiq_trio._store.paging import PAGE
from kiq_trio._store.replies import read_scores
from kiq_trio._wire.client import Redis
from kiq_trio.errors import DecodeError
from kiq_trio.job import Job

SETS = (SCHEDULE, RETRY, DEAD)
"""The places that are sorted by time; all others are queues."""

_QUEUE = queue_key("")


@attrs.frozen
class Placed:
    """A job, and where it was when we looked.

    Attributes:
        place: `schedule`, `retry`, `dead`, or `queue:` and a queue's name.
        payload: the bytes that lie there, to be compared when it is moved.
        score: when it is due, or died, in epoch seconds; None in a queue.
    """

    place: str
    payload: bytes
    score: float | None = None

    @cached_property
    def job(self) -> Job | None:
        """The job itself; None if the payload is not one."""
        try:
            return Job.decode(self.payload)
        except DecodeError:
            return None


@attrs.frozen(kw_only=True)
class Wanted:
    """What a job must be to be looked for; what is None does not matter.

    Attributes:
        jid: its name in the cluster.
        job_class: its class, be it wrapped by an adapter's (wire.md §1.5).
        queue: the queue that it is for, or in.
    """

    jid: str | None = None
    job_class: str | None = None
    queue: str | None = None

    def __bool__(self) -> bool:
        """Whether anything matters."""
        return any(attrs.astuple(self))

    def fits(self, placed: Placed) -> bool:
        """Whether this is such a job; what is no job is none."""
        job = placed.job
        return job is not None and self.fits_job(
            job, queue_of(placed.place) or job.queue
        )

    def fits_job(self, job: Job, queue: str) -> bool:
        """Whether *job*, of *queue*, is such a one."""
        return (
            self.jid in (None, job.jid)
            and self.job_class in (None, job.job_class, job.rest.get("wrapped"))
            and self.queue in (None, queue)
        )

    @property
    def glob(self) -> str:
        """What Redis may leave out without looking into a payload."""
        is_plain = self.jid and re.fullmatch(r"[A-Za-z0-9_-]+", self.jid)
        return f"*{self.jid}*" if is_plain else "*"


def place_of_queue(name: str) -> str:
    """Return the place where the jobs of a queue wait."""
    return queue_key(name)


def queue_of(place: str) -> str | None:
    """Return the name of the queue that *place* is; None if it is a sorted set."""
    return None if place in SETS else place.removeprefix(_QUEUE)


async def count_placed(redis: Redis, place: str) -> int:
    """Return how many jobs are in *place*."""
    command = ("ZCARD" if place in SETS else "LLEN", place)
    return int(await persist_one(redis, command))


async def read_page(
    redis: Redis, place: str, *, skip: int = 0, limit: int = PAGE
) -> list[Placed]:
    """Return *limit* jobs of *place* after the first *skip*.

    A queue begins with the job that is fetched next, a set with the earliest.
    """
    if limit < 1:
        return []
    if place in SETS:
        by_rank = ("ZRANGE", place, skip, skip + limit - 1, "WITHSCORES")
        reply = await persist_one(redis, by_rank)
        return [Placed(place, *member) for member in read_scores(reply)]
    from_the_end = ("LRANGE", place, -skip - limit, -skip - 1)
    payloads: list[bytes] = await persist_one(redis, from_the_end)
    return [Placed(place, payload) for payload in reversed(payloads)]


async def scan(
    redis: Redis, place: str, glob: str = "*"
) -> AsyncGenerator[Sequence[Placed]]:
    """Give all jobs of *place* in pages, in no order; close it if you stop early.

    What is there all the time is given, maybe twice, however much else changes.
    """
    if place in SETS:
        cursor: bytes | int = 0
        while True:
            command = ("ZSCAN", place, cursor, "MATCH", glob, "COUNT", PAGE)
            cursor, reply = await persist_one(redis, command)
            yield [Placed(place, *member) for member in read_scores(reply)]
            if int(cursor) == 0:
                return
    # From the newest on: jobs leave at the far end, and new ones push all others
    # away from us, so that we meet some again, but miss none.
    start = 0
    while page := await persist_one(redis, ("LRANGE", place, start, start + PAGE - 1)):
        yield [Placed(place, payload) for payload in page]
        start += len(page)


async def find(redis: Redis, places: Sequence[str], wanted: Wanted) -> list[Placed]:
    """Return the jobs in *places* that are *wanted*, each place's earliest first."""
    found: list[Placed] = []
    for place in places:
        here: dict[bytes, Placed] = {}
        async with aclosing(scan(redis, place, wanted.glob)) as pages:
            async for page in pages:
                here.update((one.payload, one) for one in page if wanted.fits(one))
        if place in SETS:
            found += sorted(here.values(), key=lambda one: one.score or 0.0)
        else:
            found += reversed(here.values())
    return found
