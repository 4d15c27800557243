"""`kiq-trio locks`: what keeps a second job like another one out."""

from contextlib import aclosing
from typing import Annotated

import attrs
import typer

from kiq_trio._store.locking import TakenLock, read_locks, read_owner, release
from kiq_trio._wire.client import Redis
from kiq_trio.cli.answering import Column, make_sheet, tell_span
from kiq_trio.cli.asking import Yes, confirm
from kiq_trio.cli.busy import busy
from kiq_trio.cli.connecting import Patience
from kiq_trio.cli.link import Link, linked

locks = typer.Typer(help="See the locks of unique jobs, and release them.")

Token = Annotated[str, typer.Argument(metavar="TOKEN", help="What is locked.")]


@locks.command("list")
@linked
def list_(
    link: Link,
    *,
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="COUNT", min=1, help="No more than these."),
    ] = 1_000,
) -> None:
    """List locks with the jid of the job that owns each; it looks at every key."""

    async def read(redis: Redis, patience: Patience) -> list[TakenLock]:
        found: dict[str, TakenLock] = {}
        with busy("looking at every key for locks") as tell:
            async with aclosing(read_locks(redis)) as pages:
                async for page in pages:
                    patience.renew()
                    found.update((lock.token, lock) for lock in page)
                    tell(len(found))
                    if len(found) > limit:
                        break
        return sorted(found.values(), key=lambda lock: lock.token)

    found = link.work(read)
    shown, is_cut = found[:limit], len(found) > limit
    fields = {
        "items": [attrs.asdict(lock) for lock in shown],
        "total": None if is_cut else len(shown),
    }
    if not shown:
        link.answer(fields, "there are no locks")
        return
    columns = (
        Column("token", "id"),
        Column("owner", "id"),
        Column("ends in", "number"),
    )
    rows = (
        (
            lock.token,
            lock.owner,
            "never" if lock.expires_in is None else tell_span(lock.expires_in),
        )
        for lock in shown
    )
    more = [f"there are more than {limit:,}"] if is_cut else []
    link.answer(fields, make_sheet(columns, rows), *more)


@locks.command("owner")
@linked
def owner(link: Link, *, token: Token) -> None:
    """Print the jid of the job that owns a lock; it is a failure if nobody does."""
    jid = link.ask(lambda redis: read_owner(redis, token))
    if jid is None:
        link.fail(f"nobody owns the lock {token}")
    link.answer({"token": token, "owner": jid}, jid)


@locks.command("release")
@linked
def release_(
    link: Link,
    *,
    token: Token,
    jid: Annotated[
        str | None,
        typer.Option(
            "--owner",
            metavar="JID",
            help="Only if this job owns it.",
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Release a lock, so that another job like its owner may come.

    The owner is not touched: it waits or runs as before.
    """
    confirm(link, f"Release the lock {token}?", yes=yes)

    async def free(redis: Redis) -> str | None:
        owner = jid or await read_owner(redis, token)
        return owner if owner and await release(redis, token, owner) else None

    freed = link.ask(free)
    if freed is None:
        whose = f"{jid} does not own" if jid else "nobody owns"
        link.fail(f"{whose} the lock {token}")
    link.answer({"token": token, "owner": freed}, f"released, it was {freed}'s")
