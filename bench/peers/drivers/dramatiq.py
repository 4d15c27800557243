"""dramatiq, on Redis, with the threads that it has by default."""

import threading
from collections.abc import Callable

import dramatiq
from dramatiq import Worker
from dramatiq.brokers.redis import RedisBroker

from bench.peers.drivers.gauge import Gauge, Load


def _declare(load: Load, job: Callable[[], None]) -> tuple[RedisBroker, dramatiq.Actor]:
    broker = RedisBroker(url=load.url)

    @dramatiq.actor(broker=broker, actor_name="noop")
    def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
        job()

    return broker, noop


def fill(load: Load) -> None:
    """Enqueue one by one; it has no other way."""
    _, noop = _declare(load, lambda: None)
    for n in range(load.total):
        noop.send(n)


def drain(gauge: Gauge) -> None:
    """Run its worker, as each process of its command does."""
    broker, _ = _declare(gauge.load, gauge.job)
    Worker(broker, worker_threads=gauge.load.concurrency).start()
    threading.Event().wait()
