"""`kiq-trio run`: a process that does nothing but run a `Kiq`."""

import logging
import sys
from typing import Annotated

import trio
import typer
from redis.exceptions import AuthenticationError

from kiq_trio._version import __version__
from kiq_trio.cli.ending import INTERRUPTED, fail
from kiq_trio.cli.loading import load_kiq
from kiq_trio.cli.overriding import override
from kiq_trio.cli.serving import serve
from kiq_trio.errors import ConfigError, ServerUnfitError

logger = logging.getLogger("kiq_trio.cli")


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
        configure_logging(logging.DEBUG if verbose else logging.INFO)
        override(kiq, queues=queue or (), shutdown_timeout=shutdown_timeout)
        logger.info("kiq_trio %s runs %s: %r", __version__, target, kiq)
        code = trio.run(serve, kiq)
    except (ConfigError, ServerUnfitError, AuthenticationError) as error:
        fail(error)
    except KeyboardInterrupt:
        code = INTERRUPTED
    raise typer.Exit(code)


def configure_logging(level: int) -> None:
    """Log to standard error, unless the program has configured logging itself."""
    logging.basicConfig(
        stream=sys.stderr,
        level=max(level, logging.INFO),
        format="%(asctime)s %(levelname)-8s %(name)s: %(message)s",
    )
    logging.getLogger("kiq_trio").setLevel(level)
