"""Programs in the test's own process, whose line to Redis the test can reach."""

import math
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs

from kiq_trio import Kiq, worker
from kiq_trio.timing import Timing
from kiq_trio.worker import AnyWorker
from tests.faults.audit import Client, World

TIMING = attrs.evolve(Timing().scaled(0.08), retry=0.01, poll=0.02)
"""12 times as fast as in production; what is due is looked for more often."""


@attrs.define
class Runs:
    """How often each job has run.

    Attributes:
        begun: runs by their jobs' tokens.
        ended: those that did not fail.
    """

    begun: Counter[str] = attrs.field(factory=Counter)
    ended: Counter[str] = attrs.field(factory=Counter)

    def workers(self) -> list[AnyWorker]:
        """Return a worker whose jobs fail so often before they succeed."""

        @worker()
        async def note(token: str, failures: int) -> None:
            self.begun[token] += 1
            if self.begun[token] <= failures:
                raise ValueError(token)
            self.ended[token] += 1

        return [note]


@asynccontextmanager
async def working(url: str, runs: Runs, **options: Any) -> AsyncIterator[Kiq]:
    """Run a `Kiq` that reconnects at once."""
    defaults = {"queues": {"default": 10}, "timing": TIMING, "shutdown_timeout": 5}
    kiq = Kiq(
        redis_url=url,
        workers=runs.workers(),
        random=lambda: 0.0,
        **{**defaults, **options},
    )
    async with kiq:
        yield kiq


def note(token: object, *, failures: int = 0) -> dict[str, Any]:
    """Return a job that is noted under *token*, and is not run twice unnoticed."""
    return {"class": "note", "args": [str(token), failures]}


def places(client: Client) -> dict[str, Sequence[str]]:
    """Return where every job is that Redis has."""
    world = World.read(client)
    return {jid: [place.key for place in at] for jid, at in world.places.items()}


def steps(length: int, *, is_long: bool, about: int = 20) -> range:
    """Return every length up to *length*, or *about* so many of them."""
    return range(0, length + 1, 1 if is_long else math.ceil(length / about))
