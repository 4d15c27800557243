"""dramatiq, on Redis."""

import threading
import time

import dramatiq
from dramatiq import Worker
from dramatiq.brokers.redis import RedisBroker

from bench.peers.drivers.gauge import Gauge, Task


def fill(gauge: Gauge) -> None:
    """Enqueue one by one; a group of messages does the same."""

    @dramatiq.actor(broker=RedisBroker(url=gauge.load.url), actor_name="noop")
    def noop(n: int) -> None: ...

    for n in gauge.each():
        noop.send(n)


def work(task: Task) -> None:
    """Run its worker, as each process of its command does."""
    broker = RedisBroker(url=task.load.url)

    @dramatiq.actor(broker=broker, actor_name="noop")
    def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
        if pause := task.job():
            time.sleep(pause)

    Worker(broker, worker_threads=task.load.concurrency).start()
    threading.Event().wait()
