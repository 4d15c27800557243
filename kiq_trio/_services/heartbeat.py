"""Shows this process in Sidekiq's Web UI, and does what its buttons ask.

It is display only (wire.md §3, §4): whether we are alive is decided elsewhere, by
`presence`.
"""

import logging
import os
import resource
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import trio
from redis.exceptions import RedisError

from kiq_trio import encoder
from kiq_trio._fields import time_writer
from kiq_trio._keeping import make_shown
from kiq_trio._pipeline.complaints import Complaints
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.runs import Run
from kiq_trio._store.measuring import write_measures
from kiq_trio._store.showing import Heartbeat, hide, show
from kiq_trio._wire.client import Redis

logger = logging.getLogger("kiq_trio.heartbeat")


@attrs.frozen(kw_only=True)
class Portrait:
    """What never changes while a process runs.

    Attributes:
        tag: a label for people.
        started_at: epoch seconds.
        is_embedded: part of somebody's program, so that no button may stop it.
        version: ours.
    """

    tag: str
    started_at: float
    is_embedded: bool
    version: str

    def describe(self, identity: str, queues: Mapping[str, int]) -> bytes:
        """Return the `info` of Sidekiq's process hash (wire.md §4.3)."""
        hostname, pid, _ = identity.rsplit(":", 2)
        info: dict[str, Any] = {
            "hostname": hostname or socket.gethostname(),
            "started_at": self.started_at,
            "pid": int(pid),
            "tag": self.tag,
            "concurrency": sum(queues.values()),
            "capsules": {
                name: {"concurrency": size, "mode": "strict", "weights": {name: 0}}
                for name, size in queues.items()
            },
            "queues": list(queues),
            "weights": [{name: 0} for name in queues],
            "labels": ["kiq_trio", "reliable"],
            "identity": identity,
            "version": self.version,
            "embedded": self.is_embedded,
        }
        return encoder.encode(info)


@attrs.define(eq=False)
class Heart:
    """Beats for people to see, every `interval` seconds.

    Attributes:
        redis: where we are shown.
        lease: under which name.
        ledger: what runs, and how many runs there were.
        portrait: what else is shown.
        queues: returns how many jobs of each queue run at once.
        interval: seconds between heartbeats.
        is_quiet: whether we take no more jobs.
        on_signal: told what a button asks for: `TSTP`, `TERM` or `TTIN`.
        sidekiq: the version of Sidekiq whose UI it is.
    """

    redis: Redis
    lease: Lease
    ledger: Ledger
    portrait: Portrait
    queues: Callable[[], Mapping[str, int]]
    interval: float
    is_quiet: Callable[[], bool]
    on_signal: Callable[[str], Awaitable[None]]
    sidekiq: int = 8
    _rtt_us: int = attrs.field(default=0, init=False)
    _shown_as: str = attrs.field(default="", init=False)
    _complaints: Complaints = attrs.field(init=False)
    _unmeasured: Complaints = attrs.field(init=False)
    _leaving: trio.Event = attrs.field(factory=trio.Event, init=False)
    _ended: trio.Event = attrs.field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._complaints = Complaints(
            logger,
            "Sidekiq's UI does not show us",
            "Sidekiq's UI shows us again",
        )
        self._unmeasured = Complaints(
            logger,
            "Sidekiq's UI is not told how long jobs take",
            "Sidekiq's UI is told again how long jobs take",
        )

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Beat until `vanish`."""
        task_status.started()
        try:
            while not self._leaving.is_set():
                await self.beat()
                with trio.move_on_after(self.interval):
                    await self._leaving.wait()
        finally:
            self._ended.set()

    async def beat(self) -> None:
        """Show how we are now, and obey."""
        identity = self.lease.identity
        if self._shown_as and self._shown_as != identity:
            await self._hide(self._shown_as)
        processed, failed = self.ledger.take_counts()
        try:
            answer = await show(self.redis, self._portray(identity, processed, failed))
        except RedisError as error:
            self._complaints.make(error)
            self.ledger.give_back(processed, failed)
            return
        self.ledger.give_back(*answer.uncounted)
        if answer.error is None:
            self._complaints.withdraw()
        else:
            self._complaints.make(answer.error)
        self._rtt_us = int(answer.rtt * 1_000_000)
        self._shown_as = identity
        if not any(answer.uncounted):
            # Else Redis takes nothing, it seems, and would take none of these.
            await self._tell_measures()
        for signal in answer.signals:
            logger.info("asked by Sidekiq's UI: %s", signal)
            await self.on_signal(signal)

    async def _tell_measures(self) -> None:
        """Say how long runs took; what is lost on the way is not told twice."""
        measures, now = self.ledger.measures.take(), self.ledger.now()
        try:
            await write_measures(self.redis, measures, now=now, sidekiq=self.sidekiq)
        except RedisError as error:
            self._unmeasured.make(error)
        else:
            self._unmeasured.withdraw()

    async def vanish(self) -> None:
        """Tell the last counts and disappear from the UI."""
        # A beat that is under way would show us again.
        self._leaving.set()
        await self._ended.wait()
        await self.beat()
        if self._shown_as:
            await self._hide(self._shown_as)

    async def _hide(self, identity: str) -> None:
        try:
            await hide(self.redis, identity)
        except RedisError as error:
            logger.debug("%s is shown for another minute: %r", identity, error)

    def _portray(self, identity: str, processed: int, failed: int) -> Heartbeat:
        now = self.ledger.now()
        running, queues = dict(self.ledger.running), self.queues()
        # Runs are timed by Trio's clock, people are told the time of day.
        epoch = now - trio.current_time()
        written = time_writer(self.sidekiq)(now)
        return Heartbeat(
            identity=identity,
            info=self.portrait.describe(identity, queues),
            concurrency=sum(queues.values()),
            busy=len(running),
            beat=now,
            rtt_us=self._rtt_us,
            rss=_memory(),
            quiet=self.is_quiet(),
            # Described when written: all at once, ten thousand would take half a
            # second of the event loop, and 5 KiB of memory each.
            work=(
                (name, _describe_run(run, epoch, written))
                for name, run in running.items()
            ),
            day=datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d"),
            processed=processed,
            failed=failed,
            sidekiq=self.sidekiq,
        )


def _describe_run(run: Run, epoch: float, written: float) -> bytes:
    delivery = run.delivery
    payload = make_shown(delivery.payload, written, delivery.queue)
    return encoder.encode(
        {
            "queue": delivery.queue,
            "payload": payload.decode(errors="replace"),
            "run_at": int(epoch + run.began),
        }
    )


def _memory() -> int:
    """Return our resident memory in KiB, as Sidekiq does."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - no disk behind it.
            pages = int(file.read().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
