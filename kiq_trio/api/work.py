"""What runs."""

import attrs

from kiq_trio._store.counting import read_totals
from kiq_trio._store.dating import read_clock
from kiq_trio._store.finding import Wanted
from kiq_trio._store.watching import Running, read_running
from kiq_trio._wire.client import Redis
from kiq_trio.api.pages import Each, Once
from kiq_trio.api.records import JobRecord


@attrs.frozen(kw_only=True)
class Work:
    """A job that a process said it was running, up to ten seconds ago.

    Attributes:
        process_id: the identity of the process.
        thread_id: what tells its runs apart.
        queue: where the job came from.
        run_at: when the run began, in epoch seconds.
        job: what runs.
    """

    process_id: str
    thread_id: str
    queue: str
    run_at: float
    job: JobRecord

    @property
    def payload(self) -> bytes:
        """The payload of the job."""
        return self.job.value


@attrs.frozen
class WorkSet:
    """What runs, the longest running first; jobs of less than 10 s rarely show.

    It is read at once, when the iteration begins.

    Args:
        redis: where processes show it.
    """

    redis: Redis = attrs.field(repr=False)

    def __aiter__(self) -> Each[Work]:
        return Each(Once(self.read))

    async def read(self) -> list[Work]:
        """Return all of it."""
        now = await read_clock(self.redis)
        return [_work(one, now) for one in await read_running(self.redis)]

    async def size(self) -> int:
        """Return how many jobs run, as the processes count them."""
        return (await read_totals(self.redis)).workers_size

    async def find(
        self,
        *,
        jid: str | None = None,
        klass: str | None = None,
        queue: str | None = None,
    ) -> list[Work]:
        """Return the runs of a jid, a class (be it wrapped) or a queue."""
        wanted = Wanted(jid=jid, job_class=klass, queue=queue)
        return [
            one
            for one in await self.read()
            if one.job.job and wanted.fits_job(one.job.job, one.queue)
        ]

    async def find_work(self, jid: str) -> Work | None:
        """Return the run of the job *jid*; None if none is shown."""
        found = await self.find(jid=jid)
        return found[0] if found else None


def _work(running: Running, seen_at: float) -> Work:
    return Work(
        process_id=running.identity,
        thread_id=running.thread,
        queue=running.queue,
        run_at=running.run_at,
        job=JobRecord(
            value=running.payload,
            job=running.job,
            queue=running.queue,
            seen_at=seen_at,
        ),
    )
