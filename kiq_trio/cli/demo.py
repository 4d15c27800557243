"""`kiq-trio demo`: sets the demonstration up, and leaves nothing behind."""

import shutil
import signal
import tempfile
from functools import partial
from pathlib import Path

import trio
from rich.console import Console

from kiq_trio._background import background
from kiq_trio.cli.audit import Balance
from kiq_trio.cli.demo_jobs import make_kinds, redis_url
from kiq_trio.cli.demonstration import Demonstration
from kiq_trio.cli.diary import Diary
from kiq_trio.kiq import Kiq


async def show(jobs: int, console: Console) -> Balance:
    """Show it with so many *jobs*; return what became of them.

    Raises:
        KeyboardInterrupt: a signal asked us to stop; nothing of ours runs on.
    """
    folder = Path(tempfile.mkdtemp(prefix="kiq-trio-demo-"))
    scope = trio.CancelScope()
    balance: Balance | None = None
    try:
        with scope:
            async with (
                background(partial(_cancel_by_signal, scope)),
                Kiq(redis_url=redis_url(folder), server=False) as kiq,
            ):
                kinds = make_kinds(Diary(folder))
                demonstration = Demonstration(folder, kiq, console, kinds)
                balance = await demonstration.give(jobs)
    finally:
        is_proven = balance is not None and balance.is_proven
        if is_proven or scope.cancelled_caught:
            shutil.rmtree(folder)
        else:
            console.print(f"What there is to see is in {folder}", soft_wrap=True)
    if balance is None:
        raise KeyboardInterrupt
    return balance


async def _cancel_by_signal(
    scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        await anext(signals)
        scope.cancel()
        await trio.sleep_forever()
