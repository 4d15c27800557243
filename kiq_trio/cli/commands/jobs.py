"""`kiq-trio jobs`: what is where, wherever that is."""

import enum
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from kiq_trio._fields import time_writer
from kiq_trio._store.browsing import SETS, Placed, place_of_queue
from kiq_trio._store.cancelling import Whereabouts
from kiq_trio._store.counting import read_queues
from kiq_trio._store.dating import read_clock
from kiq_trio._store.finding import Wanted, find
from kiq_trio._store.tending import cannot_run, delete, run_again
from kiq_trio._store.watching import (
    ProcessView,
    Running,
    read_processes,
    read_running,
)
from kiq_trio._wire.client import Redis
from kiq_trio._wire.seam import Server
from kiq_trio.cli.answering import printable
from kiq_trio.cli.asking import Yes, confirm
from kiq_trio.cli.connecting import Patience, Sidekiq
from kiq_trio.cli.describing import (
    beat_age,
    describe_job,
    describe_running,
    table_of_running,
    tell_age,
    tell_time,
)
from kiq_trio.cli.filtering import Jid, OnlyClass, OnlyJid, OnlyQueue, Page, PerPage
from kiq_trio.cli.link import Link, linked
from kiq_trio.cli.listing import PER_PAGE, list_jobs
from kiq_trio.cli.toiling import Toil
from kiq_trio.kiq import Kiq

jobs = typer.Typer(help="See jobs wherever they are, run and delete them.")


class Place(enum.StrEnum):
    """Where jobs are."""

    QUEUE = "queue"
    SCHEDULE = "schedule"
    RETRY = "retry"
    DEAD = "dead"
    RUNNING = "running"


@jobs.command("list")
@linked
def list_(
    link: Link,
    *,
    place: Annotated[Place, typer.Argument(help="Where to look.")] = Place.QUEUE,
    job_class: OnlyClass = None,
    queue: OnlyQueue = None,
    jid: OnlyJid = None,
    page: Page = 1,
    per_page: PerPage = PER_PAGE,
) -> None:
    """List the jobs of a place: the one that is fetched next, or due first, in front.

    With `queue` that is one queue after the other, or that of --queue. With `running`
    it is what processes showed with their last heartbeats, every 10 s.
    """
    wanted = Wanted(jid=jid, job_class=job_class, queue=queue)
    if place is Place.RUNNING:
        _list_running(link, wanted)
        return
    if place is Place.QUEUE:
        places = [place_of_queue(queue)] if queue else link.ask(_queues)
        # A queue that is named is the place: no need to look into its jobs.
        wanted = Wanted(jid=jid, job_class=job_class)
    else:
        places = [place.value]
    list_jobs(link, places, wanted, page=page, per_page=per_page)


@jobs.command("show")
@linked
def show(link: Link, *, jid: Jid) -> None:
    """Show a job, wherever it is: all that its payload says."""
    waiting = link.ask(lambda redis: _find(redis, jid))
    runs = [run for run in link.ask(read_running) if run.job and run.job.jid == jid]
    items = [*map(describe_job, waiting), *describe_running(runs)]
    if not items:
        link.fail(f"no job {jid}")
    places = [*map(_tell_place, waiting), *map(_tell_run, runs)]
    shown = [
        f"{place}\n{_tell_payload(fields['job'])}"
        for place, fields in zip(places, items, strict=True)
    ]
    link.answer({"items": items, "total": len(items)}, *shown)


@jobs.command("run")
@linked
def run(link: Link, *, jid: Jid, sidekiq: Sidekiq = 8) -> None:
    """Run a job now that is scheduled, to be retried or dead."""
    running_now(link, sidekiq).one(SETS, jid)


@jobs.command("delete")
@linked
def delete_one(link: Link, *, jid: Jid, yes: Yes = False) -> None:
    """Delete a job that does not run, and the lock that makes it unique."""
    confirm(link, f"Delete the job {jid}?", yes=yes)
    places = [*link.ask(_queues), *SETS]
    Toil(link, "deleted", delete).one(places, jid)


@jobs.command("cancel")
@linked
def cancel(
    link: Link,
    *,
    jid: Jid,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for reporters.")
    ] = "",
    yes: Yes = False,
) -> None:
    """Have a job not run, or stop if it runs, in whatever process."""
    confirm(link, f"Cancel the job {jid}?", yes=yes)

    async def ask(server: Server, patience: Patience) -> Whereabouts:
        async with Kiq(server=False, redis_url=server) as kiq:
            try:
                return await kiq.cancel(jid, reason=reason)
            finally:
                patience.loss = kiq.redis.last_loss

    where = link.attend(ask)
    if where == "unknown":
        link.fail(f"no job {jid} that could run or runs")
    told = {"waiting": "is deleted", "running": "runs: its process is told to stop it"}
    link.answer({"jid": jid, "was": where}, f"{jid} {told[where]}")


def running_now(link: Link, sidekiq: int) -> Toil:
    """Return what puts jobs into their queues."""
    write_time = time_writer(sidekiq)

    async def run_now(redis: Redis, page: Sequence[Placed]) -> int:
        now = await read_clock(redis)
        return await run_again(redis, page, now=now, write_time=write_time)

    return Toil(link, "put into their queues", run_now, stays=cannot_run)


async def _queues(redis: Redis) -> list[str]:
    return [place_of_queue(queue.name) for queue in await read_queues(redis)]


async def _find(redis: Redis, jid: str) -> list[Placed]:
    places = [*await _queues(redis), *SETS]
    return await find(redis, places, Wanted(jid=jid))


def _list_running(link: Link, wanted: Wanted) -> None:
    async def read(redis: Redis) -> tuple[list[Running], list[ProcessView]]:
        return await read_running(redis), await read_processes(redis)

    found, processes = link.ask(read)
    runs = [run for run in found if _is_wanted(run, wanted)]
    age = beat_age(processes)
    fields = {"items": describe_running(runs), "total": len(runs), "beat_age": age}
    shown = table_of_running(runs) if runs else "nothing runs"
    link.answer(fields, shown, *([] if age is None else [tell_age(age)]))


def _is_wanted(run: Running, wanted: Wanted) -> bool:
    return not wanted if run.job is None else wanted.fits_job(run.job, run.queue)


def _tell_place(placed: Placed) -> str:
    at = "" if placed.score is None else f" at {tell_time(placed.score)} UTC"
    return f"in {printable(placed.place)}{at}"


def _tell_run(run: Running) -> str:
    return f"runs in {printable(run.identity)} since {tell_time(run.run_at)} UTC"


def _tell_payload(fields: Mapping[str, Any]) -> str:
    text = json.dumps(fields, indent=2, ensure_ascii=False)
    return "\n".join(map(printable, text.split("\n")))
