"""`kiq-trio demo`: the guarantee, proven while you watch."""

import logging
from typing import Annotated

import trio
import typer
from rich.console import Console

from kiq_trio.cli.demo import show
from kiq_trio.cli.ending import FAILED, INTERRUPTED, OK, fail
from kiq_trio.cli.logs import configure_logging
from kiq_trio.errors import KiqError


def demo(
    jobs: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="How many jobs to enqueue.")
    ] = 20_000,
) -> None:
    """Kill a process at work, and account for every job.

    Starts a Redis of its own, enqueues jobs of five kinds, kills the process that
    runs them half way, starts another, and ends with a table.
    """
    configure_logging(logging.ERROR)
    try:
        is_proven = trio.run(show, jobs, Console(highlight=False))
    except KiqError as error:
        fail(error)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(OK if is_proven else FAILED)
