"""What runs in the processes that the fault tests kill: workers and enqueuers."""

import contextlib
import ctypes
import logging
import os
import random
import resource
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import trio

from kiq_trio import Job, Kiq, worker
from kiq_trio.timing import Timing
from kiq_trio.worker import AnyWorker
from tests.faults.effects import Effects
from tests.faults.mistakes import make_mistake

PACE = 0.08


def timing(pace: float = PACE) -> Timing:
    """Return the periods of production, slower or faster; retries come soon."""
    return attrs.evolve(Timing().scaled(pace), retry=0.01)


TIMING = timing()
"""Everything as in production, 12 times as fast: a burial takes 2 s."""


def make_workers(effects: Effects) -> list[AnyWorker]:
    """Return workers of every kind; each begins and ends in *effects*."""

    @worker()
    async def nap(jid: str, seconds: float) -> None:
        run = effects.begin(jid)
        await trio.sleep(seconds)
        effects.end(jid, run)

    @worker(exclusive=True)
    async def alone(jid: str, seconds: float) -> None:
        run = effects.begin(jid)
        try:
            await trio.sleep(seconds)
        except trio.Cancelled:
            effects.stop(jid, run)
            raise
        effects.end(jid, run)

    @worker()
    async def block(jid: str, seconds: float) -> None:
        run = effects.begin(jid)
        time.sleep(seconds)  # noqa: ASYNC251 - it is what this worker is for.
        effects.end(jid, run)

    @worker()
    def thread(jid: str, seconds: float) -> None:
        run = effects.begin(jid)
        time.sleep(seconds)
        effects.end(jid, run)

    @worker(exclusive=True)
    def stubborn(jid: str, seconds: float) -> None:
        """Run on, whatever it is told: a thread does not hear it."""
        run = effects.begin(jid)
        time.sleep(seconds)
        effects.end(jid, run)

    @worker()
    async def flaky(jid: str, seconds: float) -> None:
        """Fail now and then; what fails has not run, for the auditor."""
        await trio.sleep(seconds)
        if random.random() < 1 / 8:
            raise ValueError(jid)
        effects.end(jid, effects.begin(jid))

    return [nap, alone, block, thread, stubborn, flaky, *_make_bad_workers(effects)]


def _make_bad_workers(effects: Effects) -> list[AnyWorker]:
    """Return workers that never come to their end."""

    @worker(retry=0)
    async def doomed(jid: str, seconds: float) -> None:
        await trio.sleep(seconds)
        raise ValueError(jid)

    @worker(retry=0)
    async def hoard(jid: str, seconds: float) -> None:
        """Open files until there are no more, and keep them for a while."""
        with contextlib.ExitStack() as stack:
            try:
                while True:
                    stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            finally:
                await trio.sleep(seconds)

    return [doomed, hoard, *_make_fatal_workers(effects)]


def _make_fatal_workers(effects: Effects) -> list[AnyWorker]:
    """Return workers that are the end of their process."""

    @worker()
    async def segfault(jid: str, seconds: float) -> None:
        effects.begin(jid)
        await trio.sleep(seconds)
        ctypes.string_at(0)

    @worker()
    async def suicide(jid: str, seconds: float) -> None:
        """Die as by the hand of the system, when there is no memory left."""
        effects.begin(jid)
        await trio.sleep(seconds)
        os.kill(os.getpid(), signal.SIGKILL)

    @worker()
    def walk_out(jid: str, seconds: float) -> None:
        effects.begin(jid)
        time.sleep(seconds)
        os._exit(3)

    return [segfault, suicide, walk_out]


def make_job(kind: str, seconds: float, *, queue: str = "default") -> Job:
    """Return a job that knows its own jid."""
    jid = secrets.token_hex(12)
    retry = 0 if kind in {"doomed", "hoard"} else True
    return Job(job_class=kind, args=[jid, seconds], jid=jid, queue=queue, retry=retry)


def run(role: str, folder: Path, name: str, options: dict[str, Any]) -> None:
    """Be a worker or an enqueuer until told to stop."""
    logging.basicConfig(
        filename=options.pop("log", folder / f"{name}.log"),
        format="%(created).3f %(levelname)s %(name)s %(message)s",
        level=logging.INFO,
        force=True,
    )
    if "files" in options:
        files = options.pop("files")
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    mistake = options.pop("mistake", None)
    if mistake is not None:
        make_mistake(mistake)
    # What jobs fail with is their own affair.
    logging.getLogger("kiq_trio.jobs").setLevel(logging.CRITICAL)
    roles: dict[str, Callable[..., Any]] = {"work": _work, "enqueue": _enqueue}
    trio.run(roles[role], folder, options)


async def _work(folder: Path, options: dict[str, Any]) -> None:
    workers = make_workers(Effects(folder / "effects"))
    pace = options.pop("pace", PACE)
    kiq = Kiq(workers=workers, timing=timing(pace), **options)
    async with trio.open_nursery() as nursery:
        await nursery.start(_stop_on_signal, kiq)
        await kiq.run()
        nursery.cancel_scope.cancel()


async def _stop_on_signal(
    kiq: Kiq, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            kiq.stop()


async def _enqueue(folder: Path, options: dict[str, Any]) -> None:
    """Enqueue one job after the other, and write down what is acknowledged."""
    tasks, pause = options.pop("tasks", 4), options.pop("pause", 0.0)
    kinds, seconds = options.pop("kinds", ["nap"]), options.pop("seconds", 0.01)
    later = options.pop("later", 0.0)
    acknowledged = os.open(folder / "acks", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def enqueue_forever(kiq: Kiq) -> None:
        while True:
            job = make_job(random.choice(kinds), seconds)
            in_ = later if later and random.random() < 1 / 3 else None
            await kiq.enqueue(job, in_=in_)
            os.write(acknowledged, f"{job.jid}\n".encode())
            await trio.sleep(pause)

    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        kiq = Kiq(server=False, timing=TIMING, **options)
        async with kiq, trio.open_nursery() as nursery:
            for _ in range(tasks):
                nursery.start_soon(enqueue_forever, kiq)
            await anext(signals)
            nursery.cancel_scope.cancel()
