"""What a command writes to standard error, and how much of it."""

import logging
import os
import sys

from kiq_trio._printing import printable
from kiq_trio.errors import ConfigError


class OneEntry(logging.Formatter):
    """Sees to it that an entry of the log is one, and gives no orders to a terminal.

    A name out of Redis, or an error's text, may hold line ends and anything else.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry, in which every line but the first begins with spaces."""
        first, *others = super().format(record).splitlines() or [""]
        lines = [line if line.startswith(" ") else f"    {line}" for line in others]
        return "\n".join(map(printable, [first, *lines]))


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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        OneEntry(f"%(asctime)s{who} %(levelname)-8s %(name)s: %(message)s")
    )
    logging.basicConfig(handlers=[handler], level=max(level, others))
    logging.getLogger("kiq_trio").setLevel(level)
