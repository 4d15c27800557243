"""One job by its jid, or all of a set: what a deed of `retry` and `dead` is for."""

from typing import Annotated, TypeAlias

import attrs
import typer

from kiq_trio._store.finding import Wanted
from kiq_trio.cli.asking import confirm
from kiq_trio.cli.ending import MISUSED
from kiq_trio.cli.link import Link
from kiq_trio.cli.toiling import Toil

OneJid: TypeAlias = Annotated[
    str | None, typer.Argument(metavar="[JID]", help="The job's jid; or give --all.")
]
All: TypeAlias = Annotated[
    bool, typer.Option("--all", "-a", help="All jobs, or those of --class and --queue.")
]


@attrs.frozen
class Target:
    """What was asked for: one job, or all that are wanted.

    Attributes:
        place: the sorted set.
        jid: of the one job.
        is_all: whether all are meant.
        wanted: which of all.
    """

    place: str
    jid: str | None
    is_all: bool
    wanted: Wanted

    def be_done(self, toil: Toil, question: str, *, yes: bool) -> None:
        """Have *toil* done to it, if *question* is answered with yes.

        Args:
            toil: what is done.
            question: with a place for what it is done to.
            yes: do not ask.
        """
        self._check(toil.link)
        if self.jid is not None:
            confirm(toil.link, question.format(f"the job {self.jid}"), yes=yes)
            toil.one([self.place], self.jid)
        else:
            confirm(toil.link, question.format(self._tell()), yes=yes)
            toil.all_of([self.place], self.wanted)

    def _check(self, link: Link) -> None:
        if self.jid is None and not self.is_all:
            link.fail("give the jid of a job, or --all", code=MISUSED)
        if self.jid is not None and (self.is_all or self.wanted):
            link.fail("give a jid or --all, not both", code=MISUSED)

    def _tell(self) -> str:
        kind = f" of class {self.wanted.job_class!r}" if self.wanted.job_class else ""
        queue = f" of queue {self.wanted.queue!r}" if self.wanted.queue else ""
        return f"all jobs{kind}{queue} in {self.place!r}"
