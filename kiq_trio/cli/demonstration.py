"""Kills a process at work, and accounts for every job."""

import time
from collections.abc import Collection, Sequence
from pathlib import Path

import attrs
import trio
from rich.console import Console

from kiq_trio.cli.audit import (
    BACKUP,
    DEAD,
    Balance,
    Evidence,
    Expected,
    account,
    add_up,
    count_in_two_places,
    take_snapshot,
)
from kiq_trio.cli.demo_jobs import Kind, mix
from kiq_trio.cli.demo_process import WorkerProcess, open_worker_process
from kiq_trio.cli.diary import Reading
from kiq_trio.cli.screen import Bar, open_bar, print_table
from kiq_trio.kiq import Kiq

PATIENCE = 300.0
"""Seconds after which we look at what there is, whether it is finished or not."""

_LOOK_EVERY = 0.1
_CHUNK = 1_000

_INTRODUCTION = """\
A Redis of our own, five kinds of jobs, and a process that is killed at work.
All periods are a tenth of the usual, Timing().scaled(1/10): a dead process is
noticed after 2.5 s instead of 25, a first retry comes after 1.5 s instead of 15."""


@attrs.define(eq=False)
class Demonstration:
    """A process at work, its end, and what becomes of the jobs.

    Attributes:
        folder: where Redis and the diaries are.
        kiq: a client, which runs no jobs.
        console: where it is shown.
        kinds: the kinds of jobs.
        reading: what the jobs have written down.
    """

    folder: Path
    kiq: Kiq
    console: Console
    kinds: Sequence[Kind]
    reading: Reading = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.reading = Reading(self.folder)

    async def give(self, jobs: int) -> Balance:
        """Enqueue, kill, recover, account; return what became of every job."""
        self._say(_INTRODUCTION)
        began_at = time.monotonic()
        expected = await self._enqueue(jobs)
        in_flight = await self._work_and_kill(jobs)
        self.reading.catch_up()
        snapshot = await take_snapshot(self.kiq.redis)
        found = Evidence(
            began=self.reading.began,
            ended=self.reading.ended,
            places=dict(snapshot),
            in_flight=in_flight,
        )
        balance = self._conclude(expected, found)
        if count_in_two_places(snapshot):
            balance = attrs.evolve(balance, is_proven=False)
        balance = attrs.evolve(balance, seconds=time.monotonic() - began_at)
        self._say(
            f"Every job is accounted for, after {balance.seconds:.1f} s."
            if balance.is_proven
            else "This is not as it must be."
        )
        return balance

    async def _enqueue(self, jobs: int) -> Sequence[Expected]:
        began_at = time.monotonic()
        jids: dict[str, list[str]] = {kind.name: [] for kind in self.kinds}
        kinds = mix(self.kinds, jobs)
        for start in range(0, jobs, _CHUNK):
            chunk = kinds[start : start + _CHUNK]
            now = time.time()
            stored = await self.kiq.enqueue_many(kind.new(now) for kind in chunk)
            for kind, job in zip(chunk, stored, strict=True):
                jids[kind.name].append(job.jid)
        self._say(f"{jobs:,} jobs enqueued in {time.monotonic() - began_at:.1f} s.")
        return [Expected(k.name, jids[k.name], k.runs, k.dies) for k in self.kinds]

    async def _work_and_kill(self, jobs: int) -> Collection[str]:
        """Return which jobs were in flight when their process was killed."""
        with open_bar(self.console, jobs) as bar:
            async with open_worker_process(self.folder, "first") as first:
                while await self._count(bar) < jobs // 2:
                    await first.check(_LOOK_EVERY)
                await first.kill()
            snapshot = await take_snapshot(self.kiq.redis)
            in_flight = {jid for jid, key in snapshot if key.startswith(BACKUP)}
            self._say(
                f"Half way, process {first.pid} is killed (SIGKILL) with "
                f"{len(in_flight)} jobs in flight.\nAnother one starts."
            )
            async with open_worker_process(self.folder, "second") as second:
                await self._finish(second, bar, jobs)
                await second.stop()
        return in_flight

    async def _finish(self, process: WorkerProcess, bar: Bar, jobs: int) -> None:
        with trio.move_on_after(PATIENCE):
            while True:
                await process.check(_LOOK_EVERY)
                if await self._count(bar) < jobs:
                    continue
                snapshot = await take_snapshot(self.kiq.redis)
                if all(key == DEAD for _, key in snapshot):
                    return

    async def _count(self, bar: Bar) -> int:
        self.reading.catch_up()
        dead = await self.kiq.redis.zcard(DEAD)
        count = len(self.reading.ended) + int(dead)
        bar.update(count)
        return count

    def _conclude(self, expected: Sequence[Expected], found: Evidence) -> Balance:
        rows = [account(one, found) for one in expected]
        total = add_up(rows)
        print_table(self.console, rows, total)
        known = {jid for one in expected for jid in one.jids}
        self._say(
            f"enqueued {total.enqueued:,} = done {total.done:,} + dead "
            f"{total.dead:,}, lost {total.lost:,}, run twice {total.run_again:,}\n"
            f"(of the {len(found.in_flight)} that were in flight at the kill)."
        )
        return Balance(
            rows=rows,
            total=total,
            in_flight=len(found.in_flight),
            is_proven=total.is_proven and {*found.began, *found.places} <= known,
        )

    def _say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)
