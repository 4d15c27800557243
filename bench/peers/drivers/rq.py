"""RQ, with the worker that does not fork for each job; it runs one at a time."""

import time

from redis import Redis
from rq import Queue, SimpleWorker

from bench.peers.drivers.gauge import Gauge, Task

_tasks: list[Task] = []


def noop(n: int) -> None:  # noqa: ARG001 - as a job has.
    """Do the job; RQ finds it by its name, so that it is no closure."""
    if pause := _tasks[0].job():
        time.sleep(pause)


def _open(url: str) -> Queue:
    return Queue(connection=Redis.from_url(url))


def fill(gauge: Gauge) -> None:
    """Enqueue one by one."""
    queue = _open(gauge.load.url)
    for n in gauge.each():
        queue.enqueue(noop, n, result_ttl=0)


def fill_in_bulk(gauge: Gauge) -> None:
    """Enqueue in bulk."""
    queue, prepare = _open(gauge.load.url), Queue.prepare_data
    for batch in gauge.batches():
        queue.enqueue_many([prepare(noop, args=(n,), result_ttl=0) for n in batch])


def work(task: Task) -> None:
    """Run its simple worker."""
    _tasks.append(task)
    queue = _open(task.load.url)
    SimpleWorker([queue], connection=queue.connection).work(logging_level="WARNING")
