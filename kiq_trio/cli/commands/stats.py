"""`kiq-trio stats`: how much of everything there is."""

from typing import Annotated, Any

import trio
import typer
from rich.console import Console, Group
from rich.live import Live

from kiq_trio._wire.client import Redis
from kiq_trio.api import ProcessSet, Stats
from kiq_trio.cli.answering import Column, Sheet, make_sheet, tell_span
from kiq_trio.cli.connecting import Patience
from kiq_trio.cli.describing import (
    beat_age,
    describe_queue,
    table_of_queues,
    tell_age,
)
from kiq_trio.cli.link import Link, linked


@linked
def stats(
    link: Link,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on, until Ctrl-C.")
    ] = False,
    interval: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.1, help="How often to look, with --watch."
        ),
    ] = 2.0,
    max_latency: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=0, help="Exit with 1 if a job has waited for longer."
        ),
    ] = None,
    min_processes: Annotated[
        int | None,
        typer.Option(metavar="COUNT", min=0, help="Exit with 1 if there are fewer."),
    ] = None,
) -> None:
    """Count jobs, queues and processes, as the dashboard of Sidekiq does.

    `busy`, `processed` and `failed` are told with each heartbeat, every 10 s.
    """
    if watch:
        _watch(link, interval)
        return
    totals, age = link.ask(_read)
    told = [] if age is None else [f"busy, processed and failed {tell_age(age)}"]
    queues = table_of_queues(totals.queue_summaries)
    link.answer(describe(totals, age), table_of(totals), *told, "", queues)
    wrong = []
    if max_latency is not None and totals.latency > max_latency:
        wrong.append(
            f"a job has waited for {tell_span(totals.latency)}, "
            f"longer than {max_latency:g} s"
        )
    if min_processes is not None and totals.processes_size < min_processes:
        wrong.append(f"processes: {totals.processes_size}, fewer than {min_processes}")
    if wrong:
        link.fail("; ".join(wrong))


async def _read(redis: Redis) -> tuple[Stats, float | None]:
    return await Stats.read(redis), beat_age(await ProcessSet(redis).read())


def describe(totals: Stats, age: float | None) -> dict[str, Any]:
    """Return the fields of an answer."""
    return {
        **numbers_of(totals),
        "latency": round(totals.latency, 3),
        "beat_age": age,
        "queues": list(map(describe_queue, totals.queue_summaries)),
    }


def numbers_of(totals: Stats) -> dict[str, int]:
    """Return what is counted, by the name that people see."""
    return {
        "processed": totals.processed,
        "failed": totals.failed,
        "enqueued": totals.enqueued,
        "scheduled": totals.scheduled_size,
        "retry": totals.retry_size,
        "dead": totals.dead_size,
        "busy": totals.workers_size,
        "processes": totals.processes_size,
        "held": totals.held,
        "graves": totals.graves,
    }


def table_of(totals: Stats) -> Sheet:
    """Return all numbers, one a line."""
    rows = [(name, f"{number:,}") for name, number in numbers_of(totals).items()]
    rows.append(("latency", tell_span(totals.latency)))
    return make_sheet((Column("", "id"), Column("", "number")), rows)


def _watch(link: Link, interval: float) -> None:
    console = Console(highlight=False)
    is_live = console.is_terminal and not link.as_json

    async def watch(redis: Redis, patience: Patience) -> None:
        with Live(console=console, auto_refresh=False, screen=is_live) as live:
            while True:
                totals, age = await _read(redis)
                if is_live:
                    sheets = (table_of(totals), table_of_queues(totals.queue_summaries))
                    tables = [sheet.fit(console.width) for sheet in sheets]
                    live.update(Group(*tables), refresh=True)
                else:
                    link.answer(describe(totals, age), table_of(totals), "")
                patience.renew(interval)
                await trio.sleep(interval)

    link.work(watch)
