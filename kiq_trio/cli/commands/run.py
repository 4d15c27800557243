"""`kiq-trio run`: a process that does nothing but run a `Kiq`, or several of them."""

import gc
import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import attrs
import trio
import typer
from redis.exceptions import AuthenticationError

from kiq_trio._fields import SIDEKIQS
from kiq_trio._version import __version__
from kiq_trio.cli.ending import FAILED, INTERRUPTED, MISUSED, fail
from kiq_trio.cli.leash import Leash
from kiq_trio.cli.loading import load_kiq
from kiq_trio.cli.logs import choose_level, configure_logging
from kiq_trio.cli.overriding import override, require_count
from kiq_trio.cli.overseeing import oversee
from kiq_trio.cli.remains import end_in_time
from kiq_trio.cli.serving import serve
from kiq_trio.errors import ConfigError, ServerUnfitError

logger = logging.getLogger("kiq_trio.cli")


@attrs.frozen(kw_only=True)
class Order:
    """What the command line asks for; see the options of `run`."""

    target: str
    queues: tuple[str, ...]
    concurrency: int | None
    shutdown_timeout: float | None
    log_format: str | None
    sidekiq: int | None
    processes: int
    burst: bool
    watched: tuple[Path, ...]
    verbose: int
    quiet: bool

    def check(self) -> None:
        """Refuse what cannot work, before anything is started.

        Raises:
            ConfigError: an option is wrong, or two of them contradict each other.
        """
        require_count("--processes", self.processes)
        choose_level(self.verbose, quiet=self.quiet)
        if self.burst and self.watched:
            raise ConfigError("--burst and --reload contradict each other: give one")
        for folder in self.watched:
            if not folder.is_dir():
                raise ConfigError(f"--reload-dir must be a folder, got {str(folder)!r}")


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
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            "-c",
            metavar="NUMBER",
            envvar="KIQ_TRIO_CONCURRENCY",
            help="How many jobs run at once of each queue given without a number.",
        ),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(
            "--processes",
            "-p",
            metavar="NUMBER",
            envvar="KIQ_TRIO_PROCESSES",
            help="How many processes run; one that crashes is started anew.",
        ),
    ] = 1,
    burst: Annotated[
        bool,
        typer.Option(
            "--burst",
            envvar="KIQ_TRIO_BURST",
            help="Stop when the queues are empty. What is scheduled for later, waits "
            "for its retry or in a paused queue, is left.",
        ),
    ] = False,
    reload: Annotated[
        bool,
        typer.Option(
            "--reload",
            envvar="KIQ_TRIO_RELOAD",
            help="For development: restart gracefully when a .py file below the "
            "current folder changes. Looks at all of them twice a second.",
        ),
    ] = False,
    reload_dir: Annotated[
        list[Path] | None,
        typer.Option(
            "--reload-dir",
            metavar="FOLDER",
            envvar="KIQ_TRIO_RELOAD_DIRS",
            help="Look below this folder instead; may be repeated.",
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
    log_format: Annotated[
        str | None,
        typer.Option(
            "--log-format",
            metavar="FORMAT",
            envvar="KIQ_TRIO_LOG_FORMAT",
            help="How jobs are logged: json or human. By default as the Kiq says.",
        ),
    ] = None,
    sidekiq: Annotated[
        int | None,
        typer.Option(
            "--sidekiq",
            metavar="VERSION",
            envvar="KIQ_TRIO_SIDEKIQ",
            min=min(SIDEKIQS),
            max=max(SIDEKIQS),
            help="The oldest Sidekiq that shares this Redis. By default as the Kiq "
            "says.",
        ),
    ] = None,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            metavar="",
            envvar="KIQ_TRIO_VERBOSE",
            help="Log more; -vv also of other libraries.",
        ),
    ] = 0,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", envvar="KIQ_TRIO_QUIET", help="Log only what is wrong."
        ),
    ] = False,
) -> None:
    """Run jobs until a signal ends it.

    TERM and INT stop gracefully, a second INT at once; neither loses a job.
    TSTP takes no more jobs, TTIN logs what every task is doing.

    Exit codes: 0 after a graceful stop; 1 if something was wrong, a job had to be
    left behind or a process keeps crashing; 2 if the options make no sense; 130
    after a second INT.
    """
    order = Order(
        target=target,
        queues=tuple(queue or ()),
        concurrency=concurrency,
        shutdown_timeout=shutdown_timeout,
        log_format=log_format,
        sidekiq=sidekiq,
        processes=processes,
        burst=burst,
        watched=tuple(reload_dir or ([Path()] if reload else ())),
        verbose=verbose,
        quiet=quiet,
    )
    leash = Leash.take()
    _or_misused(order.check)
    try:
        if leash is None and (order.processes > 1 or order.watched):
            code = _oversee(order)
        else:
            code = _serve(order, leash)
    except (ConfigError, ServerUnfitError, AuthenticationError) as error:
        fail(error)
    except KeyboardInterrupt:
        code = INTERRUPTED
    raise typer.Exit(code)


def _or_misused(step: Callable[[], None]) -> None:
    """Take a step that only the command line can spoil."""
    try:
        step()
    except ConfigError as error:
        fail(error, code=MISUSED)


def _serve(order: Order, leash: Leash | None) -> int:
    kiq = load_kiq(order.target)
    # Not earlier: the program may have logging of its own.
    _log(order, shows_pid=leash is not None)
    _or_misused(
        partial(
            override,
            kiq,
            queues=order.queues,
            concurrency=order.concurrency,
            shutdown_timeout=order.shutdown_timeout,
            log_format=order.log_format,
            sidekiq=order.sidekiq,
        )
    )
    logger.info("kiq_trio %s runs %s: %r", __version__, order.target, kiq)
    _keep_what_is_loaded()
    code = FAILED
    try:
        code = trio.run(partial(serve, kiq, burst=order.burst, leash=leash))
    finally:
        end_in_time(code)
    return code


def _keep_what_is_loaded() -> None:
    """Have Python look for garbage among what comes from now on, and only there.

    What is loaded stays until the end. To go through all of it after every few thousand
    jobs took 2 of 15 us of each that did nothing.
    """
    gc.collect()
    gc.freeze()


def _oversee(order: Order) -> int:
    _log(order, shows_pid=True)
    # The children read the same line: an option added one day reaches them too.
    arguments = sys.argv[1:]
    watched = order.watched
    return trio.run(
        partial(oversee, arguments, processes=order.processes, watched=watched)
    )


def _log(order: Order, *, shows_pid: bool) -> None:
    configure_logging(
        choose_level(order.verbose, quiet=order.quiet),
        others=logging.DEBUG if order.verbose > 1 else logging.INFO,
        shows_pid=shows_pid,
    )
