"""Looking through the jobs that are somewhere, without touching them."""

from functools import cached_property
from typing import Any

import attrs

from kiq_trio._store.doubt import persist, persist_one, raise_first
from kiq_trio._store.keys import DEAD, RETRY, SCHEDULE, queue_key
from kiq_trio._store.paging import PAGE
from kiq_trio._store.replies import read_moment, read_scores
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command
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
    read = make_read(place, skip=skip, limit=limit)
    return read_reply(place, await persist_one(redis, read))


async def read_timed(
    redis: Redis, place: str, read: Command
) -> tuple[float, list[Placed]]:
    """Return when, by the clock of Redis, *read* was run, and the jobs it found."""
    moment, reply = raise_first(await persist(redis, [("TIME",), read]))
    return read_moment(moment), read_reply(place, reply)


async def read_with_score(redis: Redis, place: str, score: float) -> list[Placed]:
    """Return the jobs of a sorted set that have exactly *score*."""
    command = ("ZRANGE", place, repr(score), repr(score), "BYSCORE", "WITHSCORES")
    return read_reply(place, await persist_one(redis, command))


def make_read(place: str, *, skip: int, limit: int) -> Command:
    """Return the command that reads *limit* jobs, one at least, after *skip*."""
    if place in SETS:
        return ("ZRANGE", place, skip, skip + limit - 1, "WITHSCORES")
    return ("LRANGE", place, -skip - limit, -skip - 1)


def read_reply(place: str, reply: Any) -> list[Placed]:
    """Return the jobs that `make_read` has found, or a scan of a set."""
    if place in SETS:
        return [Placed(place, *member) for member in read_scores(reply)]
    return [Placed(place, payload) for payload in reversed(reply)]
