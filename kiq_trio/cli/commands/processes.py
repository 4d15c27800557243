"""`kiq-trio processes`: who is there, and asking them to leave."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

import typer

from kiq_trio._wire.client import Redis
from kiq_trio.api import Process, ProcessSet
from kiq_trio.cli.asking import Yes, confirm
from kiq_trio.cli.describing import describe_process, table_of_processes
from kiq_trio.cli.ending import MISUSED
from kiq_trio.cli.link import Link, linked
from kiq_trio.errors import ConfigError

processes = typer.Typer(help="See processes, Ruby's included; quiet and stop them.")

Identity = Annotated[
    str | None,
    typer.Argument(metavar="[IDENTITY]", help="Which process; or give --all."),
]
Request: TypeAlias = Callable[[Process], Awaitable[None]]
"""Asks a process for something, or raises ConfigError if it would not obey."""

All = Annotated[bool, typer.Option("--all", "-a", help="All that obey.")]


@processes.command("list")
@linked
def list_(
    link: Link,
    *,
    at_least: Annotated[
        int | None,
        typer.Option(metavar="COUNT", min=0, help="Exit with 1 if there are fewer."),
    ] = None,
) -> None:
    """List processes as they showed themselves last, with the age of their beat.

    `silent` is one that has shown nothing for a minute, but may hold jobs.
    """
    seen = link.ask(lambda redis: ProcessSet(redis).read())
    items = list(map(describe_process, seen))
    shown = table_of_processes(seen) if seen else "there are no processes"
    link.answer({"items": items, "total": len(items)}, shown)
    if at_least is not None and len(seen) < at_least:
        link.fail(f"processes: {len(seen)}, fewer than {at_least}")


@processes.command("quiet")
@linked
def quiet(link: Link, *, identity: Identity = None, everyone: All = False) -> None:
    """Have a process take no more jobs; it does so within 10 s."""
    _send(
        link, Process.quiet, identity, everyone=everyone, asked="to take no more jobs"
    )


@processes.command("stop")
@linked
def stop(
    link: Link, *, identity: Identity = None, everyone: All = False, yes: Yes = False
) -> None:
    """Have a process end gracefully; it begins to within 10 s."""
    who = "all processes" if everyone else f"the process {identity}"
    if everyone or identity:
        confirm(link, f"Stop {who}?", yes=yes)
    _send(link, Process.stop, identity, everyone=everyone, asked="to stop")


@processes.command("dump")
@linked
def dump(link: Link, *, identity: Identity = None, everyone: All = False) -> None:
    """Have a process log what each of its tasks is doing, within 10 s."""
    asked = "to log what it is doing"
    _send(link, Process.dump_threads, identity, everyone=everyone, asked=asked)


def _send(
    link: Link, request: Request, identity: str | None, *, everyone: bool, asked: str
) -> None:
    if (identity is None) is not everyone:
        link.fail("give the identity of a process, or --all", code=MISUSED)

    async def send(redis: Redis) -> tuple[list[str], list[str]]:
        sent: list[str] = []
        deaf: list[str] = []
        for one in await ProcessSet(redis).read():
            if everyone or one.identity == identity:
                try:
                    await request(one)
                except ConfigError:
                    deaf.append(one.identity)
                else:
                    sent.append(one.identity)
        return sent, deaf

    sent, deaf = link.ask(send)
    if identity is not None and not sent:
        reason = "is part of a program, or silent, and obeys no such signal"
        link.fail(f"{identity} {reason}" if deaf else f"no process {identity}")
    lines = [f"{one} is asked {asked}" for one in sent]
    lines += [f"{one} obeys no such signal" for one in deaf]
    link.answer(
        {"done": len(sent), "of": len(sent) + len(deaf), "items": sent},
        *(lines or ["there are no processes"]),
    )
