"""RQ, with the worker that does not fork for each job; it runs one at a time."""

from redis import Redis
from rq import Queue, SimpleWorker

from bench.peers.drivers.gauge import Gauge, Load

_gauges: list[Gauge] = []


def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
    """Do nothing; RQ finds it by its name, so that it is no closure."""
    _gauges[0].job()


def fill(load: Load) -> None:
    """Enqueue in bulk."""
    queue = Queue(connection=Redis.from_url(load.url))
    prepare = Queue.prepare_data
    queue.enqueue_many(
        [prepare(noop, args=(n,), result_ttl=0) for n in range(load.total)]
    )


def drain(gauge: Gauge) -> None:
    """Run its simple worker."""
    _gauges.append(gauge)
    queue = Queue(connection=Redis.from_url(gauge.load.url))
    SimpleWorker([queue], connection=queue.connection).work(logging_level="WARNING")
