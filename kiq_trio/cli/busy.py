"""Shows that something goes on whose end nobody knows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from kiq_trio.cli.answering import is_watched


@contextmanager
def busy(what: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal *what* is being done, for the length of the block.

    The block gets a function that shows a number beside it: how far it has come.
    """
    if not is_watched():
        yield lambda _: None
        return
    with Console(stderr=True).status(what) as status:
        yield lambda count: status.update(f"{what}: {count:,}")
