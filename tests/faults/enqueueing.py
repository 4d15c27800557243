"""Storing jobs from the test's own process."""

from collections.abc import Sequence

import trio

from kiq_trio import Job, Kiq


def store(url: str, jobs: Sequence[Job], *, in_: float | None = None) -> list[str]:
    """Enqueue *jobs*; return their jids, once Redis has them."""

    async def main() -> None:
        async with Kiq(redis_url=url, server=False) as kiq:
            await kiq.enqueue_many(jobs, in_=in_)

    trio.run(main)
    return [job.jid for job in jobs]
