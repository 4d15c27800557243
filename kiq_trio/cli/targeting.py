"""One job by its jid, or all of a set: what a deed of `retry` and `dead` is for."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

import attrs
import typer

from kiq_trio._wire.client import Redis
from kiq_trio.api import OnPage
from kiq_trio.cli.asking import confirm
from kiq_trio.cli.ending import MISUSED
from kiq_trio.cli.filtering import Only
from kiq_trio.cli.link import Link
from kiq_trio.cli.toiling import Toil

OneJid: TypeAlias = Annotated[
    str | None, typer.Argument(metavar="[JID]", help="The job's jid; or give --all.")
]
All: TypeAlias = Annotated[
    bool, typer.Option("--all", "-a", help="All jobs, or those of --class and --queue.")
]


Deed: TypeAlias = Callable[[Redis, Only, OnPage], Awaitable[int]]
"""Does something to the jobs of a set that are meant, and tells how far it is."""


@attrs.frozen
class Target:
    """What was asked for: one job, or all that are meant.

    Attributes:
        place: the sorted set.
        jid: of the one job.
        is_all: whether all are meant.
        only: which of all.
    """

    place: str
    jid: str | None
    is_all: bool
    only: Only

    def be_done(self, toil: Toil, deed: Deed, question: str, *, yes: bool) -> None:
        """Have *deed* done to it, if *question* is answered with yes.

        Args:
            toil: how it is done.
            deed: what is done.
            question: with a place for what it is done to.
            yes: do not ask.
        """
        self._check(toil.link)
        if self.jid is not None:
            one = Only(jid=self.jid)
            confirm(toil.link, question.format(f"the job {self.jid}"), yes=yes)
            toil.one(self.jid, {self.place: lambda redis, told: deed(redis, one, told)})
        else:
            confirm(toil.link, question.format(self._tell()), yes=yes)
            toil.all(lambda redis, told: deed(redis, self.only, told))

    def _check(self, link: Link) -> None:
        if self.jid is None and not self.is_all:
            link.fail("give the jid of a job, or --all", code=MISUSED)
        if self.jid is not None and (self.is_all or self.only):
            link.fail("give a jid or --all, not both", code=MISUSED)

    def _tell(self) -> str:
        kind = f" of class {self.only.klass!r}" if self.only.klass else ""
        queue = f" of queue {self.only.queue!r}" if self.only.queue else ""
        return f"all jobs{kind}{queue} in {self.place!r}"
