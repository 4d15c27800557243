"""Celery, on Redis, in threads, acknowledging after the job and keeping no result."""

import time

import celery

from bench.peers.drivers.gauge import Gauge, Task


def _open(url: str) -> celery.Celery:
    app = celery.Celery("bench", broker=url)
    app.conf.update(task_acks_late=True, task_ignore_result=True)
    return app


def fill(gauge: Gauge) -> None:
    """Enqueue one by one; a group of tasks does the same."""
    app = _open(gauge.load.url)

    @app.task(name="noop")
    def noop(n: int) -> None: ...

    for n in gauge.each():
        noop.delay(n)


def work(task: Task) -> None:
    """Run its worker without what several workers would say to each other."""
    app = _open(task.load.url)

    @app.task(name="noop")
    def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
        if pause := task.job():
            time.sleep(pause)

    quiet = ("--loglevel=WARNING", "--without-gossip", "--without-mingle")
    app.worker_main(
        ["worker", "-P", "threads", "-c", str(task.load.concurrency), *quiet]
    )
