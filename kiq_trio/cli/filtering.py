"""Options that say which jobs are meant."""

from typing import Annotated, TypeAlias

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
