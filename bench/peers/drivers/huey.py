"""huey, on Redis, in threads; it acknowledges nothing."""

from collections.abc import Callable

from huey import RedisHuey
from huey.api import TaskWrapper

from bench.peers.drivers.gauge import Gauge, Load


def _declare(load: Load, job: Callable[[], None]) -> tuple[RedisHuey, TaskWrapper]:
    huey = RedisHuey("bench", url=load.url, results=False)

    @huey.task(name="noop")
    def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
        job()

    return huey, noop


def fill(load: Load) -> None:
    """Enqueue one by one."""
    _, noop = _declare(load, lambda: None)
    for n in range(load.total):
        noop(n)


def drain(gauge: Gauge) -> None:
    """Run its consumer, without periodic tasks."""
    huey, _ = _declare(gauge.load, gauge.job)
    workers = gauge.load.concurrency
    huey.create_consumer(workers=workers, worker_type="thread", periodic=False).run()
