"""Runs a program's worker processes, instead of being one."""

import logging
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import trio

from kiq_trio.cli.child import open_child
from kiq_trio.cli.foreman import Foreman
from kiq_trio.cli.serving import SIGNALS
from kiq_trio.cli.watching import read_times, wait_for_changes

logger = logging.getLogger("kiq_trio.cli")


async def oversee(
    arguments: Sequence[str], *, processes: int, watched: Sequence[Path] = ()
) -> int:
    """Run `kiq-trio` *processes* times until all have ended; return the exit code.

    Args:
        arguments: of each; it knows from its leash that it is a child.
        processes: how many.
        watched: folders; when a Python file in them changes, all are restarted.
    """
    foreman = Foreman(
        lambda: open_child(arguments), processes, waits_for_change=bool(watched)
    )
    with trio.open_signal_receiver(*SIGNALS) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_obey, foreman, signals)
            if watched:
                nursery.start_soon(_reload, foreman, watched)
            await foreman.run()
            nursery.cancel_scope.cancel()
    logger.info("all processes have stopped")
    return foreman.exit_code


async def _obey(foreman: Foreman, signals: AsyncIterator[int]) -> None:
    async for number in signals:
        foreman.obey(signal.Signals(number))


async def _reload(foreman: Foreman, folders: Sequence[Path]) -> None:
    times = await trio.to_thread.run_sync(read_times, folders)
    while True:
        changed, times = await wait_for_changes(folders, before=times)
        logger.info("changed: %s; starting anew", ", ".join(changed))
        foreman.replace()
