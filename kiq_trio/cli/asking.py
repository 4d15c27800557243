"""Asking before something is destroyed."""

import sys
from typing import Annotated, TypeAlias

import typer

from kiq_trio.cli.ending import FAILED, MISUSED
from kiq_trio.cli.link import Link

Yes: TypeAlias = Annotated[
    bool,
    typer.Option("--yes", "-y", envvar="KIQ_TRIO_YES", help="Do not ask."),
]


def confirm(link: Link, question: str, *, yes: bool) -> None:
    """Go on if the answer to *question* is yes, else end the command.

    A program is not asked: it says `--yes`, or nothing is done.
    """
    if yes:
        return
    if link.as_json or not can_answer():
        link.fail(f"{question} Say --yes to do it.", code=MISUSED)
    if not typer.confirm(question, err=True):
        link.fail("nothing was done", code=FAILED)


def can_answer() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()
