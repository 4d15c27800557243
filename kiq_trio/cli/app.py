"""What can be asked of `kiq-trio`, and how it answers: the face of the command."""

import logging
import sys
import traceback
from typing import Annotated, NoReturn

import trio
import typer
from redis.exceptions import AuthenticationError
from rich.console import Console

from kiq_trio._version import __version__
from kiq_trio.cli.demo import show
from kiq_trio.cli.loading import load_kiq
from kiq_trio.cli.overriding import override
from kiq_trio.cli.serving import serve
from kiq_trio.errors import ConfigError, KiqError, ServerUnfitError

logger = logging.getLogger("kiq_trio.cli")

FAILED = 1
INTERRUPTED = 130

app = typer.Typer(
    help="Background jobs for Trio, in Sidekiq's format.",
    no_args_is_help=True,
    add_completion=False,
    # Theirs shows the local variables of every frame, which may be secrets.
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def run(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODULE[:ATTRIBUTE]",
            help="Where the Kiq is, or a function that makes one. "
            "The attribute is 'kiq' by default.",
        ),
    ],
    *,
    queue: Annotated[
        list[str] | None,
        typer.Option(
            "--queue",
            "-q",
            metavar="NAME[=CONCURRENCY]",
            envvar="KIQ_TRIO_QUEUES",
            help="Work off this queue instead of the Kiq's own; may be repeated.",
        ),
    ] = None,
    shutdown_timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            envvar="KIQ_TRIO_SHUTDOWN_TIMEOUT",
            help="How long running jobs may take to finish on a stop.",
        ),
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", envvar="KIQ_TRIO_VERBOSE", help="Log more."),
    ] = False,
) -> None:
    """Run jobs until a signal ends it.

    TERM and INT stop gracefully, a second INT at once; neither loses a job.
    TSTP takes no more jobs, TTIN logs what every task is doing.
    """
    try:
        kiq = load_kiq(target)
        # Not earlier: the program may have logging of its own.
        _configure_logging(logging.DEBUG if verbose else logging.INFO)
        override(kiq, queues=queue or (), shutdown_timeout=shutdown_timeout)
        logger.info("kiq_trio %s runs %s: %r", __version__, target, kiq)
        code = trio.run(serve, kiq)
    except (ConfigError, ServerUnfitError, AuthenticationError) as error:
        _fail(error)
    except KeyboardInterrupt:
        code = INTERRUPTED
    raise typer.Exit(code)


@app.command()
def demo(
    jobs: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="How many jobs to enqueue.")
    ] = 20_000,
) -> None:
    """Kill a process at work, and account for every job.

    Starts a Redis of its own, enqueues jobs of five kinds, kills the process that
    runs them half way, starts another, and ends with a table.
    """
    _configure_logging(logging.ERROR)
    try:
        is_proven = trio.run(show, jobs, Console(highlight=False))
    except KiqError as error:
        _fail(error)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(0 if is_proven else FAILED)


@app.command()
def version() -> None:
    """Print the version."""
    print(f"kiq_trio {__version__}")


def _configure_logging(level: int) -> None:
    # Does nothing if the program has configured its own logging already.
    logging.basicConfig(
        stream=sys.stderr,
        level=max(level, logging.INFO),
        format="%(asctime)s %(levelname)-8s %(name)s: %(message)s",
    )
    logging.getLogger("kiq_trio").setLevel(level)


def _fail(error: Exception) -> NoReturn:
    if error.__cause__ is not None:
        traceback.print_exception(error.__cause__)
    print(f"kiq-trio: {error}", file=sys.stderr)
    raise typer.Exit(FAILED)
