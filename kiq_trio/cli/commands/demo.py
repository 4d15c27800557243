"""`kiq-trio demo`: the guarantee, proven while you watch."""

import logging
from typing import Annotated

import attrs
import trio
import typer
from rich.console import Console

from kiq_trio.cli.answering import print_json
from kiq_trio.cli.connecting import AsJson
from kiq_trio.cli.demo import show
from kiq_trio.cli.ending import FAILED, INTERRUPTED, OK, fail
from kiq_trio.cli.logs import configure_logging
from kiq_trio.errors import KiqError


def demo(
    jobs: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="How many jobs to enqueue.")
    ] = 20_000,
    *,
    as_json: AsJson = False,
) -> None:
    """Kill a process at work, and account for every job.

    Starts a Redis of its own, enqueues jobs of five kinds, kills the process that
    runs them half way, starts another, and ends with a table; with --json that is
    an object, and what is told on the way goes to standard error.
    """
    configure_logging(logging.ERROR)
    try:
        balance = trio.run(show, jobs, Console(highlight=False, stderr=as_json))
    except KiqError as error:
        fail(error, as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json(attrs.asdict(balance))
    raise typer.Exit(OK if balance.is_proven else FAILED)
