"""`kiq-trio jobs`: what is where, wherever that is."""

import enum
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import attrs
import typer

from kiq_trio._printing import printable
from kiq_trio._store.cancelling import Whereabouts
from kiq_trio._wire.client import Redis
from kiq_trio._wire.seam import Server
from kiq_trio.api import (
    DeadSet,
    JobSet,
    OnPage,
    Process,
    ProcessSet,
    Queue,
    RetrySet,
    ScheduledSet,
    Work,
    WorkSet,
)
from kiq_trio.cli.asking import Yes, confirm
from kiq_trio.cli.connecting import Patience, Sidekiq
from kiq_trio.cli.describing import (
    Entry,
    beat_age,
    describe_job,
    describe_running,
    find_time,
    table_of_running,
    tell_age,
    tell_time,
)
from kiq_trio.cli.filtering import (
    Jid,
    Only,
    OnlyClass,
    OnlyJid,
    OnlyQueue,
    Page,
    PerPage,
)
from kiq_trio.cli.link import Link, linked
from kiq_trio.cli.listing import PER_PAGE, find_jobs, list_jobs
from kiq_trio.cli.listing import Place as Places
from kiq_trio.cli.toiling import Deed, Toil
from kiq_trio.kiq import Kiq

SETS: tuple[type[JobSet], ...] = (ScheduledSet, RetrySet, DeadSet)

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
    only = Only(jid=jid, klass=job_class, queue=queue)
    if place is Place.RUNNING:
        _list_running(link, only)
        return
    if place is Place.QUEUE:
        # A queue that is named is the place: no need to look into its jobs.
        only = Only(jid=jid, klass=job_class)

    async def find_places(redis: Redis) -> Sequence[Places]:
        if place is not Place.QUEUE:
            return [one(redis) for one in SETS if one.name == place.value]
        return [Queue(redis, queue)] if queue else await Queue.all(redis)

    list_jobs(link, find_places, only, page=page, per_page=per_page)


@jobs.command("show")
@linked
def show(link: Link, *, jid: Jid) -> None:
    """Show a job, wherever it is: all that its payload says."""

    async def find(redis: Redis) -> tuple[list[Entry], list[Work]]:
        waiting = await find_jobs(await _find_all(redis), Only(jid=jid))
        return waiting, await WorkSet(redis).find(jid=jid)

    waiting, runs = link.ask(find)
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

    def run_in(kind: type[JobSet]) -> Deed:
        async def deed(redis: Redis, on_page: OnPage) -> int:
            return await kind(redis, sidekiq=sidekiq).retry_all(
                jid=jid, on_page=on_page
            )

        return deed

    toil = Toil(link, "put into their queues")
    toil.one(jid, {one.name: run_in(one) for one in SETS})


@jobs.command("delete")
@linked
def delete_one(link: Link, *, jid: Jid, yes: Yes = False) -> None:
    """Delete a job that does not run, and the lock that makes it unique."""
    confirm(link, f"Delete the job {jid}?", yes=yes)

    def delete_in(place: Places) -> Deed:
        async def deed(redis: Redis, on_page: OnPage) -> int:
            # What it was found on is closed by now.
            here = attrs.evolve(place, redis=redis)
            return await here.delete_all(jid=jid, on_page=on_page)

        return deed

    places = link.ask(_find_all)
    Toil(link, "deleted").one(jid, {one.place: delete_in(one) for one in places})


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


async def _find_all(redis: Redis) -> list[Places]:
    return [*await Queue.all(redis), *(one(redis) for one in SETS)]


def _list_running(link: Link, only: Only) -> None:
    async def read(redis: Redis) -> tuple[list[Work], list[Process]]:
        works = WorkSet(redis)
        runs = await works.find(**only.words) if only else await works.read()
        return runs, await ProcessSet(redis).read()

    runs, processes = link.ask(read)
    age = beat_age(processes)
    fields = {"items": describe_running(runs), "total": len(runs), "beat_age": age}
    shown = table_of_running(runs) if runs else "nothing runs"
    link.answer(fields, shown, *([] if age is None else [tell_age(age)]))


def _tell_place(entry: Entry) -> str:
    moment = find_time(entry)
    at = "" if moment is None else f" at {tell_time(moment)} UTC"
    return f"in {printable(entry.place)}{at}"


def _tell_run(run: Work) -> str:
    return f"runs in {printable(run.process_id)} since {tell_time(run.run_at)} UTC"


def _tell_payload(fields: Mapping[str, Any]) -> str:
    text = json.dumps(fields, indent=2, ensure_ascii=False)
    return "\n".join(map(printable, text.split("\n")))
