"""The jobs of the demonstration, and the `Kiq` that runs them.

`kiq-trio run kiq_trio.cli.demo_jobs:make_kiq` is what the demonstration starts,
kills and starts again: a process like any other.
"""

import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import attrs
import trio

from kiq_trio.cli.diary import Diary
from kiq_trio.errors import ConfigError
from kiq_trio.job import Job
from kiq_trio.kiq import Kiq
from kiq_trio.timing import Timing
from kiq_trio.worker import AnyWorker, worker

FOLDER = "KIQ_TRIO_DEMO"
"""The variable that tells a process where the demonstration takes place."""

TIMING = Timing().scaled(1 / 10)

QUEUES = {"default": 100, "threads": 20}


@attrs.frozen
class Kind:
    """One of the kinds of jobs.

    Attributes:
        name: what the table calls it.
        worker: what performs it.
        share: how many of a hundred jobs are of this kind.
        in_: how many seconds ahead it is scheduled, or None.
        runs: how often such a job begins if nobody is killed.
        dies: whether it ends in the dead set.
    """

    name: str
    worker: AnyWorker
    share: int
    in_: float | None = None
    runs: int = 1
    dies: bool = False

    def new(self, now: float) -> Job:
        """Make a job that knows its own name, to write it down."""
        jid = secrets.token_hex(12)
        at = now + self.in_ if self.in_ else None
        return attrs.evolve(self.worker.new(jid), jid=jid, at=at)


def make_kinds(diary: Diary) -> Sequence[Kind]:
    """Return every kind of job; what they do is in *diary* as soon as it is done."""

    @worker(name="Async")
    async def wait(jid: str) -> None:
        diary.begin(jid)
        await trio.sleep(0.01)
        diary.end(jid)

    @worker(name="Thread", queue="threads")
    def compute(jid: str) -> None:
        diary.begin(jid)
        hashlib.pbkdf2_hmac("sha256", jid.encode(), b"salt", 500)
        diary.end(jid)

    @worker(name="FailsOnce", retry=5)
    async def fail_once(jid: str) -> None:
        diary.begin(jid)
        await trio.sleep(0.01)
        if diary.is_first_time(jid):
            raise RuntimeError("as it must, the first time")
        diary.end(jid)

    @worker(name="TimesOut", retry=0, timeout=0.2)
    async def time_out(jid: str) -> None:
        diary.begin(jid)
        await trio.sleep_forever()

    return (
        Kind("async", wait, share=70),
        Kind("in a thread", compute, share=10),
        Kind("fails once", fail_once, share=10, runs=2),
        Kind("scheduled, 3 s", wait, share=8, in_=3),
        Kind("times out", time_out, share=2, dies=True),
    )


def mix(kinds: Sequence[Kind], jobs: int) -> list[Kind]:
    """Return the kind of each of *jobs* jobs, by their shares and well mixed."""
    hundred = [kind for kind in kinds for _ in range(kind.share)]
    # A step that has no divisor in common with a hundred passes every place.
    return [hundred[index * 37 % 100] for index in range(jobs)]


def redis_url(folder: Path) -> str:
    """Return the URL of the demonstration's own server."""
    return f"embedded://{folder / 'redis'}"


def make_kiq() -> Kiq:
    """Return what runs the demonstration's jobs.

    Raises:
        ConfigError: there is no demonstration.
    """
    given = os.environ.get(FOLDER)
    if given is None:
        raise ConfigError(f"{FOLDER} is not set: start `kiq-trio demo` instead")
    folder = Path(given)
    kinds = make_kinds(Diary(folder))
    return Kiq(
        redis_url=redis_url(folder),
        queues=QUEUES,
        workers=tuple(dict.fromkeys(kind.worker for kind in kinds)),
        timing=TIMING,
        tag="demo",
    )
