"""`kiq-trio queues`: what waits where, and holding it up."""

from collections.abc import Awaitable, Callable
from itertools import chain
from typing import Annotated

import typer

from kiq_trio._store.counting import QueueSummary, read_queues
from kiq_trio._store.removing import delete_queue
from kiq_trio._store.watching import read_processes
from kiq_trio._wire.client import Redis
from kiq_trio.api import Queue
from kiq_trio.cli.answering import tell_span
from kiq_trio.cli.asking import Yes, confirm
from kiq_trio.cli.describing import describe_queue, table_of_queues
from kiq_trio.cli.link import Link, linked
from kiq_trio.cli.toiling import Toil

queues = typer.Typer(help="See queues, pause, empty and delete them.")

Name = Annotated[str, typer.Argument(metavar="QUEUE", help="Its name.")]


@queues.command("list")
@linked
def list_queues(
    link: Link,
    *,
    queue: Annotated[
        list[str] | None,
        typer.Option("--queue", "-q", metavar="NAME", help="Only these queues."),
    ] = None,
    max_latency: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="Exit with 1 if a job of one of them has waited for longer.",
        ),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(
            metavar="JOBS", min=0, help="Exit with 1 if more wait in one of them."
        ),
    ] = None,
) -> None:
    """List queues: how many jobs wait, for how long the oldest has, and pauses."""
    seen = link.ask(read_queues)
    if queue:
        seen = [one for one in seen if one.name in queue]
        missing = sorted({*queue} - {one.name for one in seen})
        # A queue that nothing was ever put into is as good as an empty one.
        seen += [
            QueueSummary(name=name, size=0, latency=0.0, is_paused=False)
            for name in missing
        ]
    items = list(map(describe_queue, seen))
    shown = table_of_queues(seen) if seen else "there are no queues"
    link.answer({"items": items, "total": len(items)}, shown)
    wrong = [_complain(one, max_latency, max_length) for one in seen]
    if any(wrong):
        link.fail("; ".join(filter(None, wrong)))


def _complain(
    queue: QueueSummary, max_latency: float | None, max_length: int | None
) -> str:
    """Return what is wrong with *queue*, if anything is."""
    wrong = []
    if max_latency is not None and queue.latency > max_latency:
        waited = tell_span(queue.latency)
        wrong.append(f"a job has waited for {waited}, longer than {max_latency:g} s")
    if max_length is not None and queue.size > max_length:
        wrong.append(f"jobs that wait: {queue.size:,}, more than {max_length:,}")
    return f"{queue.name}, {', '.join(wrong)}" if wrong else ""


@queues.command("pause")
@linked
def pause_queue(link: Link, *, name: Name) -> None:
    """Have no process take jobs from a queue; what runs, runs on."""

    async def is_known(redis: Redis) -> bool:
        queues = [one.name for one in await read_queues(redis)]
        served = (one.queues for one in await read_processes(redis))
        return name in chain(queues, *served)

    if not link.ask(is_known):
        link.warn(f"nobody knows a queue {name!r}: it has no jobs, and no process")
    _switch(link, name, Queue.pause, "paused")


@queues.command("resume")
@linked
def resume_queue(link: Link, *, name: Name) -> None:
    """Have jobs taken from a queue again."""
    _switch(link, name, Queue.unpause, "resumed")


@queues.command("clear")
@linked
def clear_queue(link: Link, *, name: Name, yes: Yes = False) -> None:
    """Delete all jobs that wait in a queue.

    What comes meanwhile may stay. What runs, runs on.
    """
    confirm(link, f"Delete all jobs that wait in {name!r}?", yes=yes)
    Toil(link, "deleted").all(
        lambda redis, on_page: Queue(redis, name).delete_all(on_page=on_page)
    )


@queues.command("delete")
@linked
def delete_whole_queue(link: Link, *, name: Name, yes: Yes = False) -> None:
    """Delete a queue and all jobs that wait in it.

    A worker that serves it goes on to do so: the next job makes it anew.
    """
    confirm(link, f"Delete the queue {name!r} and all jobs in it?", yes=yes)
    Toil(link, "deleted").all(
        lambda redis, on_page: Queue(redis, name).delete_all(on_page=on_page)
    )
    if not link.ask(lambda redis: delete_queue(redis, name)):
        link.fail(f"jobs came into {name!r} meanwhile: it is still there")


def _switch(
    link: Link, name: str, deed: Callable[[Queue], Awaitable[bool]], verb: str
) -> None:
    is_new = link.ask(lambda redis: deed(Queue(redis, name)))
    already = "" if is_new else " already"
    link.answer(
        {"queue": name, verb: True, "changed": is_new}, f"{name} is {verb}{already}"
    )
