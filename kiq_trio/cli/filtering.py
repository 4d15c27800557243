"""Options that say which jobs are meant."""

from typing import Annotated, TypeAlias

import attrs
import typer

Jid: TypeAlias = Annotated[str, typer.Argument(metavar="JID", help="The job's jid.")]

OnlyJid: TypeAlias = Annotated[
    str | None, typer.Option("--jid", metavar="JID", help="Only the job with this jid.")
]
OnlyClass: TypeAlias = Annotated[
    str | None,
    typer.Option("--class", "-c", metavar="NAME", help="Only jobs of this class."),
]
OnlyQueue: TypeAlias = Annotated[
    str | None,
    typer.Option("--queue", "-q", metavar="NAME", help="Only jobs of this queue."),
]
Page: TypeAlias = Annotated[
    int, typer.Option("--page", metavar="N", min=1, help="Which page, from 1.")
]
PerPage: TypeAlias = Annotated[
    int,
    typer.Option("--per-page", metavar="N", min=1, max=1_000, help="Jobs on a page."),
]


@attrs.frozen(kw_only=True)
class Only:
    """What a job must be to be meant; what is None does not matter."""

    jid: str | None = None
    klass: str | None = None
    queue: str | None = None

    def __bool__(self) -> bool:
        """Whether anything matters."""
        return bool(self.words)

    @property
    def words(self) -> dict[str, str]:
        """What matters, in the words of the API."""
        return {name: one for name, one in attrs.asdict(self).items() if one}
