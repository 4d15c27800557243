"""Looking at processes, ours and Ruby's, and at what they run."""

from collections.abc import Mapping
from typing import Any

import attrs

from kiq_trio import encoder
from kiq_trio._store.doubt import persist, raise_first
from kiq_trio._store.keys import PROCESSES, SHOWN, old_work_key, work_key
from kiq_trio._store.replies import read_names, read_pairs
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command
from kiq_trio.errors import DecodeError
from kiq_trio.job import Job

_FIELDS = ("info", "concurrency", "busy", "beat", "rtt_us", "rss", "quiet")


@attrs.frozen(kw_only=True)
class ProcessView:
    """What a process shows of itself, Ruby's included (wire.md §4.3).

    Attributes:
        identity: its name in the cluster.
        info: what it says of itself and never changes; its JSON object.
        concurrency: how many jobs it runs at once.
        busy: how many it runs.
        beat: when it showed that, in epoch seconds.
        age: how many seconds ago that was, by the clock of Redis.
        rtt_us: how long Redis took to answer it, in microseconds.
        rss: its memory, in KiB.
        is_quiet: it takes no more jobs.
        is_shown: False if it has shown nothing for a minute.
        is_registered: it may hold jobs in a backup of ours; Ruby's never are.
    """

    identity: str
    info: Mapping[str, Any]
    concurrency: int
    busy: int
    beat: float
    age: float
    rtt_us: int
    rss: int
    is_quiet: bool
    is_shown: bool
    is_registered: bool

    @property
    def queues(self) -> list[str]:
        """The queues that it serves, in the words of any Sidekiq."""
        capsules = self.info.get("capsules")
        if isinstance(capsules, dict):
            names = [
                name
                for one in capsules.values()
                if isinstance(one, dict) and isinstance(one.get("weights"), dict)
                for name in one["weights"]
            ]
            return list(dict.fromkeys(names))
        queues = self.info.get("queues")
        return list(map(str, queues)) if isinstance(queues, list) else []

    @property
    def is_embedded(self) -> bool:
        """Whether it is part of a program, and obeys no signal but TTIN."""
        return bool(self.info.get("embedded"))


@attrs.frozen(kw_only=True)
class Running:
    """A job that a process says it runs, up to ten seconds ago (wire.md §4.6).

    Attributes:
        identity: the process.
        thread: what tells its runs apart.
        queue: where the job came from.
        run_at: when the run began, in epoch seconds.
        job: what runs; None if it cannot be read.
    """

    identity: str
    thread: str
    queue: str
    run_at: float
    job: Job | None


async def read_processes(redis: Redis) -> list[ProcessView]:
    """Return all processes that are shown or registered, by name."""
    reads: list[Command] = [("SMEMBERS", SHOWN), ("HKEYS", PROCESSES), ("TIME",)]
    replies = raise_first(await persist(redis, reads))
    shown, registered, (seconds, micros) = replies
    now = int(seconds) + int(micros) / 1_000_000
    ours = set(read_names(registered))
    names = sorted({one.decode(errors="replace") for one in shown} | ours)
    reads = [("HMGET", name, *_FIELDS) for name in names]
    rows = raise_first(await persist(redis, reads)) if reads else []
    views = [
        _view(name, row, now, is_registered=name in ours)
        for name, row in zip(names, rows, strict=True)
    ]
    # Sidekiq lists a process no more once its hash has expired (wire.md §4.4).
    return [view for view in views if view.is_shown or view.is_registered]


async def read_running(redis: Redis) -> list[Running]:
    """Return the jobs that run, as the processes show it; the longest running first."""
    shown = raise_first(await persist(redis, [("SMEMBERS", SHOWN)]))[0]
    names = sorted(one.decode(errors="replace") for one in shown)
    reads: list[Command] = []
    for name in names:
        # Up to Sidekiq 6.4.1 it had another name.
        reads += (("HGETALL", old_work_key(name)), ("HGETALL", work_key(name)))
    rows = raise_first(await persist(redis, reads)) if reads else []
    running = {
        (name, thread): _running(name, thread.decode(errors="replace"), value)
        for name, row in zip([x for x in names for _ in "ab"], rows, strict=True)
        for thread, value in read_pairs(row)
    }
    return sorted(
        running.values(), key=lambda one: (one.run_at, one.identity, one.thread)
    )


def _view(
    name: str, row: list[bytes | None], now: float, *, is_registered: bool
) -> ProcessView:
    info, concurrency, busy, beat, rtt_us, rss, quiet = row
    said = _read_object(info)
    beaten = _number(beat)
    return ProcessView(
        identity=name,
        info=said,
        # Before Sidekiq 8.1.2 it was told in `info` only.
        concurrency=int(_number(concurrency or said.get("concurrency"))),
        busy=int(_number(busy)),
        beat=beaten,
        age=max(now - beaten, 0.0) if beaten else 0.0,
        rtt_us=int(_number(rtt_us)),
        rss=int(_number(rss)),
        is_quiet=quiet == b"true",
        is_shown=info is not None,
        is_registered=is_registered,
    )


def _running(identity: str, thread: str, value: bytes) -> Running:
    fields = _read_object(value)
    payload = fields.get("payload")
    try:
        # Text since Sidekiq 6.0.2, an object before.
        if isinstance(payload, dict):
            job = Job.from_map(payload)
        else:
            job = Job.decode(str(payload).encode())
    except DecodeError:
        job = None
    return Running(
        identity=identity,
        thread=thread,
        queue=str(fields.get("queue", "")),
        run_at=_number(fields.get("run_at")),
        job=job,
    )


def _read_object(value: bytes | None) -> dict[str, Any]:
    try:
        fields = encoder.decode(value or b"{}")
    except DecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return 0.0
