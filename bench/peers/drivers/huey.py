"""huey, on Redis, in threads; it acknowledges nothing."""

import time

import huey

from bench.peers.drivers.gauge import Gauge, Task


def _open(url: str) -> huey.RedisHuey:
    return huey.RedisHuey("bench", url=url, results=False)


def fill(gauge: Gauge) -> None:
    """Enqueue one by one."""
    queue = _open(gauge.load.url)

    @queue.task(name="noop")
    def noop(n: int) -> None: ...

    for n in gauge.each():
        noop(n)


def work(task: Task) -> None:
    """Run its consumer, without periodic tasks."""
    queue = _open(task.load.url)

    @queue.task(name="noop")
    def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
        if pause := task.job():
            time.sleep(pause)

    workers = task.load.concurrency
    queue.create_consumer(workers=workers, worker_type="thread", periodic=False).run()
