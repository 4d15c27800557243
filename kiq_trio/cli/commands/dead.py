"""`kiq-trio dead`: jobs that were given up."""

import typer

from kiq_trio._store.finding import Wanted
from kiq_trio._store.keys import DEAD
from kiq_trio._store.tending import delete
from kiq_trio.cli.asking import Yes, confirm
from kiq_trio.cli.commands.jobs import running_now
from kiq_trio.cli.connecting import Sidekiq
from kiq_trio.cli.filtering import OnlyClass, OnlyJid, OnlyQueue, Page, PerPage
from kiq_trio.cli.link import Link, linked
from kiq_trio.cli.listing import PER_PAGE, list_jobs
from kiq_trio.cli.targeting import All, OneJid, Target
from kiq_trio.cli.toiling import Toil

dead = typer.Typer(help="See jobs that were given up; run them again or delete them.")


@dead.command("list")
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
    """List dead jobs, those that died first in front."""
    wanted = Wanted(jid=jid, job_class=job_class, queue=queue)
    list_jobs(link, [DEAD], wanted, page=page, per_page=per_page)


@dead.command("run")
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
    """Run a dead job again, or all; it dies anew if it fails once more."""
    target = Target(DEAD, jid, everything, Wanted(job_class=job_class, queue=queue))
    target.be_done(running_now(link, sidekiq), "Run {} again?", yes=True)


@dead.command("delete")
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
    """Delete a dead job, or all; there is no way back."""
    target = Target(DEAD, jid, everything, Wanted(job_class=job_class, queue=queue))
    target.be_done(Toil(link, "deleted", delete), "Delete {}?", yes=yes)


@dead.command("clear")
@linked
def clear(link: Link, *, yes: Yes = False) -> None:
    """Delete all dead jobs; as `delete --all`."""
    confirm(link, "Delete all dead jobs?", yes=yes)
    Toil(link, "deleted", delete).all_of([DEAD], Wanted())
