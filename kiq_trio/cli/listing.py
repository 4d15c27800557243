"""Listing jobs, a page at a time."""

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from kiq_trio._wire.client import Redis
from kiq_trio.api import JobSet, Queue
from kiq_trio.cli.describing import Entry, describe_jobs, table_of_jobs
from kiq_trio.cli.filtering import Only
from kiq_trio.cli.link import Link

PER_PAGE = 25

Place: TypeAlias = Queue | JobSet


def list_jobs(
    link: Link,
    find_places: Callable[[Redis], Awaitable[Sequence[Place]]],
    only: Only,
    *,
    page: int,
    per_page: int,
) -> None:
    """Answer with a page of the jobs in some places that are meant by *only*."""
    skip = (page - 1) * per_page

    async def read(redis: Redis) -> tuple[list[Entry], int]:
        places = await find_places(redis)
        if not only:
            return await _read_slice(places, skip, per_page)
        found = await find_jobs(places, only)
        return found[skip : skip + per_page], len(found)

    found, total = link.ask(read)
    fields = {
        "items": describe_jobs(found),
        "total": total,
        "page": page,
        "per_page": per_page,
    }
    if not found:
        link.answer(fields, "no jobs" if not total else f"no page {page}")
        return
    pages = math.ceil(total / per_page)
    count = f"{total:,} job" if total == 1 else f"{total:,} jobs"
    link.answer(fields, table_of_jobs(found), f"{count}, page {page:,} of {pages:,}")


async def find_jobs(places: Sequence[Place], only: Only) -> list[Entry]:
    """Return the jobs in *places* that are meant by *only*, each place's first."""
    found: list[Entry] = []
    for place in places:
        found += await place.find(**only.words)
    return found


async def _read_slice(
    places: Sequence[Place], skip: int, limit: int
) -> tuple[list[Entry], int]:
    """Return *limit* jobs after the first *skip*, of all *places* as if they were one.

    And how many jobs there are.
    """
    found: list[Entry] = []
    total = 0
    for place in places:
        found += await place.slice(max(skip - total, 0), limit - len(found))
        total += await place.size()
    return found, total
