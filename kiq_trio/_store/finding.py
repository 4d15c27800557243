"""Finding jobs by what they are."""

import re
from collections.abc import AsyncIterator, Sequence
from functools import cached_property

import attrs

from kiq_trio._store.browsing import SETS, Placed, queue_of
from kiq_trio._store.walking import Sift, Walk
from kiq_trio._wire.client import Redis
from kiq_trio.job import Job


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
        if self._plain not in placed.payload:
            return False
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
        return f"*{self._plain.decode()}*" if self._plain else "*"

    @cached_property
    def _plain(self) -> bytes:
        """What every such payload holds as it is, without any escapes."""
        is_plain = self.jid and re.fullmatch(r"[A-Za-z0-9_-]+", self.jid)
        return self.jid.encode() if self.jid and is_plain else b""


async def find(redis: Redis, places: Sequence[str], wanted: Wanted) -> list[Placed]:
    """Return the jobs in *places* that are *wanted*, each place's earliest first."""
    found: list[Placed] = []
    for place in places:
        here: dict[bytes, Placed] = {}
        async for page in _look_through(redis, place, wanted):
            here.update((one.payload, one) for one in page if wanted.fits(one))
        # Those of a queue have no score, and come in its order.
        found += sorted(here.values(), key=lambda one: one.score or 0.0)
    return found


async def find_one(redis: Redis, place: str, wanted: Wanted) -> Placed | None:
    """Return a job in *place* that is *wanted*, the first that we meet."""
    async for page in _look_through(redis, place, wanted):
        for one in page:
            if wanted.fits(one):
                return one
    return None


def _look_through(
    redis: Redis, place: str, wanted: Wanted
) -> AsyncIterator[list[Placed]]:
    if place in SETS:
        return Sift(redis, place, wanted.glob)
    return Walk(redis, place)
