"""Looking at processes, ours and Ruby's, and at what they run."""

from collections.abc import Mapping
from typing import Any

import attrs

from kiq_trio import encoder
from kiq_trio._fields import read_time
from kiq_trio._store.doubt import persist, raise_first, without_errors
from kiq_trio._store.keys import PROCESSES, SHOWN, old_work_key, work_key
from kiq_trio._store.replies import read_float, read_moment, read_names, read_pairs
from kiq_trio._store.signalling import Signal
from kiq_trio._wire.client import Redis
from kiq_trio._wire.slot import Command
from kiq_trio.errors import DecodeError, EncodeError
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
        if self.capsules:
            return list(self.weights)
        queues = self.info.get("queues")
        return list(map(str, queues)) if isinstance(queues, list) else []

    @property
    def weights(self) -> dict[str, int]:
        """How its queues are preferred; 0 is in their order (wire.md §4.3)."""
        # Before Sidekiq 8.0.9 they were told without their capsules.
        said = self.info.get("weights")
        weights = [one.get("weights") for one in self.capsules.values()] or (
            said if isinstance(said, list) else [said]
        )
        return {
            name: int(read_float(value))
            for one in weights
            if isinstance(one, dict)
            for name, value in one.items()
        }

    @property
    def capsules(self) -> dict[str, Mapping[str, Any]]:
        """Its groups of queues, each as it says; from Sidekiq 8.0.9 on."""
        capsules = self.info.get("capsules")
        if not isinstance(capsules, dict):
            return {}
        return {name: one for name, one in capsules.items() if isinstance(one, dict)}

    @property
    def hostname(self) -> str:
        """The machine that it runs on."""
        return str(self.info.get("hostname") or "")

    @property
    def pid(self) -> int:
        """Its number there; 0 if it does not say."""
        return int(read_float(self.info.get("pid")))

    @property
    def tag(self) -> str:
        """What it is called by people, often the name of its program."""
        return str(self.info.get("tag") or "")

    @property
    def labels(self) -> list[str]:
        """What else it says of itself, such as `reliable`."""
        labels = self.info.get("labels")
        return list(map(str, labels)) if isinstance(labels, list) else []

    @property
    def version(self) -> str | None:
        """Of Sidekiq, or of whatever it is."""
        version = self.info.get("version")
        return None if version is None else str(version)

    @property
    def started_at(self) -> float | None:
        """When it began, in epoch seconds."""
        return read_time(self.info.get("started_at"))

    @property
    def is_embedded(self) -> bool:
        """Whether it is part of a program, and obeys no signal but TTIN."""
        return bool(self.info.get("embedded"))

    def obeys(self, signal: Signal) -> bool:
        """Whether it would hear *signal*, and act on it."""
        return self.is_shown and (signal == "TTIN" or not self.is_embedded)


@attrs.frozen(kw_only=True)
class Running:
    """A job that a process says it runs, up to ten seconds ago (wire.md §4.6).

    Attributes:
        identity: the process.
        thread: what tells its runs apart.
        queue: where the job came from.
        run_at: when the run began, in epoch seconds.
        payload: what runs, as the process shows it; empty if it cannot be read.
        job: the same; None if it cannot be read.
    """

    identity: str
    thread: str
    queue: str
    run_at: float
    payload: bytes
    job: Job | None


async def read_processes(redis: Redis) -> list[ProcessView]:
    """Return all processes that are shown or registered, by name.

    What is on the list of the shown ones but is none hides no other.
    """
    reads: list[Command] = [("SMEMBERS", SHOWN), ("HKEYS", PROCESSES), ("TIME",)]
    shown, registered, moment = raise_first(await persist(redis, reads))
    now = read_moment(moment)
    ours = set(read_names(registered))
    names = sorted({one.decode(errors="replace") for one in shown} | ours)
    reads = [("HMGET", name, *_FIELDS) for name in names]
    nothing = [None] * len(_FIELDS)
    rows = without_errors(await persist(redis, reads), nothing) if reads else []
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
    rows = without_errors(await persist(redis, reads), ()) if reads else []
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
    beaten = read_float(beat)
    return ProcessView(
        identity=name,
        info=said,
        # Before Sidekiq 8.1.2 it was told in `info` only.
        concurrency=int(read_float(concurrency or said.get("concurrency"))),
        busy=int(read_float(busy)),
        beat=beaten,
        age=max(now - beaten, 0.0) if beaten else 0.0,
        rtt_us=int(read_float(rtt_us)),
        rss=int(read_float(rss)),
        is_quiet=quiet == b"true",
        is_shown=info is not None,
        is_registered=is_registered,
    )


def _running(identity: str, thread: str, value: bytes) -> Running:
    fields = _read_object(value)
    said = fields.get("payload")
    # Text since Sidekiq 6.0.2, an object before.
    try:
        text = encoder.encode(said) if isinstance(said, dict) else str(said).encode()
        job = Job.decode(text)
    except (DecodeError, EncodeError, UnicodeEncodeError):
        text, job = b"", None
    return Running(
        identity=identity,
        thread=thread,
        queue=str(fields.get("queue", "")),
        run_at=read_float(fields.get("run_at")),
        payload=text,
        job=job,
    )


def _read_object(value: bytes | None) -> dict[str, Any]:
    try:
        fields = encoder.decode(value or b"{}")
    except DecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}
