"""`kiq-trio cron`: periodic jobs."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import attrs
import typer

from kiq_trio._store.rota import (
    Listed,
    forget_periodic,
    pause_periodic,
    read_periodics,
    resume_periodic,
)
from kiq_trio._wire.client import Redis
from kiq_trio.cli.answering import Column, Sheet, make_sheet
from kiq_trio.cli.asking import Yes, confirm
from kiq_trio.cli.describing import tell_time
from kiq_trio.cli.link import Link, linked

cron = typer.Typer(help="See periodic jobs; pause and resume them.")

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Which periodic job; its worker's name, if it is the only."
    ),
]


@cron.command("list")
@linked
def list_(link: Link) -> None:
    """List the periodic jobs that any process has told of.

    `last` is the tick that was dealt with last: it got its job, was passed over, or
    was the one before the periodic job was first heard of.
    """
    listed = link.ask(read_periodics)
    items = [attrs.asdict(one) for one in listed]
    shown = _table(listed) if listed else "there are no periodic jobs"
    link.answer({"items": items, "total": len(items)}, shown)


@cron.command("pause")
@linked
def pause(link: Link, *, name: Name) -> None:
    """Let the ticks of a periodic job pass without a job."""
    _switch(link, name, pause_periodic, "paused")


@cron.command("resume")
@linked
def resume(link: Link, *, name: Name) -> None:
    """Enqueue a periodic job again, from its next tick on."""
    _switch(link, name, resume_periodic, "resumed")


@cron.command("forget")
@linked
def forget(link: Link, *, name: Name, yes: Yes = False) -> None:
    """Delete what is known of a periodic job that no program has any more.

    One that a program still has is listed again, and its missed ticks are not made
    up for.
    """
    name = _find(link, name)
    confirm(link, f"Forget the periodic job {name!r}?", yes=yes)
    if not link.ask(lambda redis: forget_periodic(redis, name)):
        link.fail(f"no periodic job is called {name!r}")
    link.answer({"done": 1, "of": 1}, f"{name} is forgotten")


def _find(link: Link, name: str) -> str:
    """Return the name of the periodic job that is meant by *name*."""
    listed = link.ask(read_periodics)
    known = [one.name for one in listed]
    if name in known:
        return name
    meant = [one.name for one in listed if one.worker == name]
    if not meant:
        names = ", ".join(known) or "none"
        link.fail(f"no periodic job is called {name!r} (known: {names})")
    if len(meant) > 1:
        names = ", ".join(map(repr, meant))
        link.fail(f"{name!r} has several periodic jobs: say which of {names}")
    return meant[0]


def _switch(
    link: Link, name: str, deed: Callable[[Redis, str], Awaitable[bool]], verb: str
) -> None:
    name = _find(link, name)
    is_new = link.ask(lambda redis: deed(redis, name))
    already = "" if is_new else " already"
    fields = {"periodic": name, verb: True, "changed": is_new}
    link.answer(fields, f"{name} is {verb}{already}")


def _table(listed: list[Listed]) -> Sheet:
    columns = (
        Column("periodic", "id"),
        Column("crontab", "id"),
        Column("zone", "id"),
        Column("last (UTC)", "id"),
        Column("next (UTC)", "id"),
        Column("paused", "id"),
        Column("worker"),
        Column("queue"),
    )
    rows = (
        (
            one.name,
            one.crontab,
            one.timezone,
            "never" if one.last_tick is None else tell_time(one.last_tick),
            "?" if one.next_tick is None else tell_time(one.next_tick),
            "paused" if one.is_paused else "",
            one.worker,
            one.queue,
        )
        for one in listed
    )
    return make_sheet(columns, rows)
