"""A process of ours with a job in every place that Sidekiq shows."""

from typing import Any, Self

import attrs

from kiq_trio import Job
from kiq_trio.clients import SyncClient
from tests.faults.waiting import wait_until
from tests.interop.cluster import Cluster
from tests.interop.program import Program

HOUR = 3600.0


@attrs.frozen(kw_only=True)
class Scene:
    """What there is; nobody moves jobs that are due, so that all stay.

    Attributes:
        cluster: where.
        kiq: our process.
        running: the job that it runs.
        failed: one that failed, and waits for its next attempt.
        dead: one that has none left.
        scheduled: one for in an hour.
        waiting: one in a queue that nobody works off.
    """

    cluster: Cluster
    kiq: Program
    running: Job
    failed: Job
    dead: Job
    scheduled: Job
    waiting: Job

    @classmethod
    def build(cls, cluster: Cluster, client: SyncClient) -> Self:
        """Start our process, enqueue the jobs, and wait until all is shown."""
        kiq = cluster.ours(schedulers=[], shutdown_timeout=0.2)
        scene = cls(
            cluster=cluster,
            kiq=kiq,
            running=client.enqueue(python_job("Nap", 60, tags=["long", "nap"])),
            failed=client.enqueue(python_job("Handover", "python", backtrace=True)),
            dead=client.enqueue(python_job("Doomed", retry=0, backtrace=2)),
            scheduled=client.enqueue(python_job("Succeed", "later"), in_=HOUR),
            waiting=client.enqueue(python_job("Succeed", "é", queue="default")),
        )
        wait_until(lambda: scene.is_shown)
        return scene

    @property
    def identity(self) -> str:
        return self.cluster.identity(self.kiq)

    @property
    def is_shown(self) -> bool:
        client = self.cluster.client
        busy = client.hget(self.identity, "busy")
        return busy == "1" and client.get("stat:failed") == "2"


def python_job(job_class: str, *args: Any, **fields: Any) -> Job:
    """Return a job for our side."""
    given = {"class": job_class, "args": list(args), "queue": "python", "retry": True}
    return Job.from_map({**given, **fields})
