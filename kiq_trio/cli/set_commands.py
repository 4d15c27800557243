"""The commands that `retry` and `dead` share: to list, to run, to delete."""

from collections.abc import Callable, Sequence

import attrs
import typer

from kiq_trio._wire.client import Redis
from kiq_trio.api import JobSet, OnPage
from kiq_trio.cli.asking import Yes
from kiq_trio.cli.connecting import Sidekiq
from kiq_trio.cli.filtering import Only, OnlyClass, OnlyJid, OnlyQueue, Page, PerPage
from kiq_trio.cli.link import Link, linked
from kiq_trio.cli.listing import PER_PAGE, list_jobs
from kiq_trio.cli.targeting import All, Deed, OneJid, Target
from kiq_trio.cli.toiling import Toil


@attrs.frozen(kw_only=True)
class SetCommands:
    """What makes the commands of a sorted set.

    Attributes:
        kind: which set.
        about: what the group is for.
        lists: what it is to list its jobs.
        runs: what it is to run one again.
        run: how that is asked for, with a place for the job.
        deletes: what it is to delete one.
    """

    kind: type[JobSet]
    about: str
    lists: str
    runs: str
    run: str
    deletes: str

    def make(self) -> typer.Typer:
        """Return the group; more commands may be added to it."""
        group = typer.Typer(help=self.about)
        group.command("list", help=self.lists)(linked(self._make_list()))
        group.command("run", help=self.runs)(linked(self._make_run()))
        group.command("delete", help=self.deletes)(linked(self._make_delete()))
        return group

    def _make_list(self) -> Callable[..., None]:
        async def find_places(redis: Redis) -> Sequence[JobSet]:
            return [self.kind(redis)]

        def list_(
            link: Link,
            *,
            job_class: OnlyClass = None,
            queue: OnlyQueue = None,
            jid: OnlyJid = None,
            page: Page = 1,
            per_page: PerPage = PER_PAGE,
        ) -> None:
            only = Only(jid=jid, klass=job_class, queue=queue)
            list_jobs(link, find_places, only, page=page, per_page=per_page)

        return list_

    def _make_run(self) -> Callable[..., None]:
        def run(
            link: Link,
            *,
            jid: OneJid = None,
            everything: All = False,
            job_class: OnlyClass = None,
            queue: OnlyQueue = None,
            sidekiq: Sidekiq = 8,
        ) -> None:
            async def run_again(redis: Redis, only: Only, on_page: OnPage) -> int:
                jobs = self.kind(redis, sidekiq=sidekiq)
                return await jobs.retry_all(**only.words, on_page=on_page)

            only = Only(klass=job_class, queue=queue)
            target = Target(self.kind.name, jid, everything, only)
            toil = Toil(link, "put into their queues")
            target.be_done(toil, run_again, self.run, yes=True)

        return run

    def _make_delete(self) -> Callable[..., None]:
        def delete(
            link: Link,
            *,
            jid: OneJid = None,
            everything: All = False,
            job_class: OnlyClass = None,
            queue: OnlyQueue = None,
            yes: Yes = False,
        ) -> None:
            only = Only(klass=job_class, queue=queue)
            target = Target(self.kind.name, jid, everything, only)
            target.be_done(
                Toil(link, "deleted"), delete_all(self.kind), "Delete {}?", yes=yes
            )

        return delete


def delete_all(kind: type[JobSet]) -> Deed:
    """Return what deletes jobs of a set."""

    async def deed(redis: Redis, only: Only, on_page: OnPage) -> int:
        return await kind(redis).delete_all(**only.words, on_page=on_page)

    return deed
