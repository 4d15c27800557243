"""Celery, on Redis, in threads, acknowledging after the job and keeping no result."""

from collections.abc import Callable

from celery import Celery, Task

from bench.peers.drivers.gauge import Gauge, Load


def _declare(load: Load, job: Callable[[], None]) -> tuple[Celery, Task]:
    app = Celery("bench", broker=load.url)
    app.conf.update(task_acks_late=True, task_ignore_result=True)

    @app.task(name="noop")
    def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
        job()

    return app, noop


def fill(load: Load) -> None:
    """Enqueue one by one."""
    _, noop = _declare(load, lambda: None)
    for n in range(load.total):
        noop.delay(n)


def drain(gauge: Gauge) -> None:
    """Run its worker without what several workers would say to each other."""
    app, _ = _declare(gauge.load, gauge.job)
    quiet = ("--loglevel=WARNING", "--without-gossip", "--without-mingle")
    app.worker_main(
        ["worker", "-P", "threads", "-c", str(gauge.load.concurrency), *quiet]
    )
