"""`kiq-trio retry`: jobs that failed, and wait for their next attempt."""

from collections.abc import Sequence

import typer

from kiq_trio._fields import time_writer
from kiq_trio._store.browsing import Placed
from kiq_trio._store.dating import read_clock
from kiq_trio._store.finding import Wanted
from kiq_trio._store.keys import RETRY
from kiq_trio._store.tending import delete, kill
from kiq_trio._wire.client import Redis
from kiq_trio.cli.asking import Yes
from kiq_trio.cli.commands.jobs import running_now
from kiq_trio.cli.connecting import Sidekiq
from kiq_trio.cli.filtering import OnlyClass, OnlyJid, OnlyQueue, Page, PerPage
from kiq_trio.cli.link import Link, linked
from kiq_trio.cli.listing import PER_PAGE, list_jobs
from kiq_trio.cli.targeting import All, OneJid, Target
from kiq_trio.cli.toiling import Toil

retry = typer.Typer(help="See jobs that failed; retry them now, kill or delete them.")


@retry.command("list")
@linked
def list_(
    link: Link,
    *,
    job_class: OnlyClass = None,
    queue: OnlyQueue = None,
    jid: OnlyJid = None,
    page: Page = 1,
    per_page: PerPage = PER_PAGE,
) -> None:
    """List jobs that wait for their next attempt, the earliest first."""
    wanted = Wanted(jid=jid, job_class=job_class, queue=queue)
    list_jobs(link, [RETRY], wanted, page=page, per_page=per_page)


@retry.command("run")
@linked
def run(
    link: Link,
    *,
    jid: OneJid = None,
    everything: All = False,
    job_class: OnlyClass = None,
    queue: OnlyQueue = None,
    sidekiq: Sidekiq = 8,
) -> None:
    """Retry a job now, or all; the attempt does not count as one of its retries."""
    target = Target(RETRY, jid, everything, Wanted(job_class=job_class, queue=queue))
    target.be_done(running_now(link, sidekiq), "Retry {}?", yes=True)


@retry.command("kill")
@linked
def kill_(
    link: Link,
    *,
    jid: OneJid = None,
    everything: All = False,
    job_class: OnlyClass = None,
    queue: OnlyQueue = None,
    yes: Yes = False,
    sidekiq: Sidekiq = 8,
) -> None:
    """Give a job up, or all: move them to the dead set.

    They can be run again from there. No callback of your program hears of it.
    """
    target = Target(RETRY, jid, everything, Wanted(job_class=job_class, queue=queue))
    write_time = time_writer(sidekiq)

    async def kill_now(redis: Redis, page: Sequence[Placed]) -> int:
        now = await read_clock(redis)
        return await kill(redis, page, now=now, write_time=write_time)

    target.be_done(Toil(link, "killed", kill_now), "Kill {}?", yes=yes)


@retry.command("delete")
@linked
def delete_(
    link: Link,
    *,
    jid: OneJid = None,
    everything: All = False,
    job_class: OnlyClass = None,
    queue: OnlyQueue = None,
    yes: Yes = False,
) -> None:
    """Delete a job, or all; there is no way back."""
    target = Target(RETRY, jid, everything, Wanted(job_class=job_class, queue=queue))
    target.be_done(Toil(link, "deleted", delete), "Delete {}?", yes=yes)
