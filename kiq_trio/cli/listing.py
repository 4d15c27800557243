"""Listing jobs, a page at a time."""

import math
from collections.abc import Sequence

from kiq_trio._store.browsing import Placed, count_placed, read_page
from kiq_trio._store.finding import Wanted, find
from kiq_trio._wire.client import Redis
from kiq_trio.cli.describing import describe_jobs, table_of_jobs
from kiq_trio.cli.link import Link

PER_PAGE = 25


def list_jobs(
    link: Link, places: Sequence[str], wanted: Wanted, *, page: int, per_page: int
) -> None:
    """Answer with a page of the jobs in *places* that are *wanted*."""
    skip = (page - 1) * per_page

    async def read(redis: Redis) -> tuple[list[Placed], int]:
        if not wanted:
            return await read_slice(redis, places, skip, per_page)
        found = await find(redis, places, wanted)
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


async def read_slice(
    redis: Redis, places: Sequence[str], skip: int, limit: int
) -> tuple[list[Placed], int]:
    """Return *limit* jobs after the first *skip*, of all *places* as if they were one.

    And how many jobs there are.
    """
    found: list[Placed] = []
    total = 0
    for place in places:
        found += await read_page(
            redis, place, skip=max(skip - total, 0), limit=limit - len(found)
        )
        total += await count_placed(redis, place)
    return found, total
