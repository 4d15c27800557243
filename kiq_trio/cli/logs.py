"""What a command writes to standard error, and how much of it."""

import logging
import os
import sys

from kiq_trio.errors import ConfigError


def choose_level(verbose: int, *, quiet: bool) -> int:
    """Return the level that `-v` and `--quiet` mean for our loggers.

    Raises:
        ConfigError: both were given.
    """
    if verbose and quiet:
        raise ConfigError("--verbose and --quiet contradict each other: give one")
    if quiet:
        return logging.WARNING
    return logging.DEBUG if verbose else logging.INFO


def configure_logging(
    level: int, *, others: int = logging.INFO, shows_pid: bool = False
) -> None:
    """Log to standard error, unless the program has configured logging itself.

    Args:
        level: for our loggers, which holds in either case.
        others: for all others.
        shows_pid: whether several processes write to the same place.
    """
    who = f" {os.getpid()}" if shows_pid else ""
    logging.basicConfig(
        stream=sys.stderr,
        level=max(level, others),
        format=f"%(asctime)s{who} %(levelname)-8s %(name)s: %(message)s",
    )
    logging.getLogger("kiq_trio").setLevel(level)
