"""`kiq-trio tasks`: what the jobs of running processes are waiting for."""

import sys
from typing import Annotated, Any

import typer

from kiq_trio._printing import printable
from kiq_trio._wire.client import Redis
from kiq_trio.cli.connecting import Patience
from kiq_trio.cli.ending import FAILED
from kiq_trio.cli.gathering import Gathered, gather_dumps
from kiq_trio.cli.link import Link, linked
from kiq_trio.cli.task_tree import show_dump, tell_dump


@linked
def tasks(
    link: Link,
    *,
    process: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROCESS]",
            help="Its id, or how it begins: host, or host:pid. By default all.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all tasks, not only jobs.")
    ] = False,
) -> None:
    """Show the live tasks of each running job, with the lines they wait on.

    Processes are asked by Redis, and answer themselves; local variables are never
    shown. One that blocks its event loop cannot answer, and its own log says why.

    Exit codes: 0 if all have answered, else 1.
    """

    async def gather(redis: Redis, patience: Patience) -> Gathered:
        # Redis has its time, and then the processes have theirs.
        patience.renew(link.timeout)
        return await gather_dumps(redis, process, patience=link.timeout)

    gathered = link.work(gather)
    link.answer(_tell(gathered, everything=everything))
    if not link.as_json:
        _show(gathered, everything=everything)
    if gathered.silent or gathered.unclear:
        raise typer.Exit(FAILED)


def _tell(gathered: Gathered, *, everything: bool) -> dict[str, Any]:
    dumps = gathered.dumps.values()
    return {
        "processes": [tell_dump(dump, everything=everything) for dump in dumps],
        "silent": gathered.silent,
        "unclear": gathered.unclear,
    }


def _show(gathered: Gathered, *, everything: bool) -> None:
    for dump in gathered.dumps.values():
        for line in show_dump(dump, everything=everything):
            print(printable(line))
    for identity in gathered.silent:
        print(f"{printable(identity)}: no answer", file=sys.stderr)
    for identity in gathered.unclear:
        print(f"{printable(identity)}: an answer of another version", file=sys.stderr)
    if not (gathered.dumps or gathered.silent or gathered.unclear):
        print("no process is registered")
