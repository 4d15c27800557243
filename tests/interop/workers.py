"""Our side: the jobs of ruby/jobs.rb in Python, for `kiq-trio run`.

`INTEROP_OPTIONS`, in JSON, has options of `Kiq` for a test to choose.
"""

import json
import os
import random
from pathlib import Path
from typing import Any

import attrs
import trio

from kiq_trio import Kiq, current_job, worker
from kiq_trio.timing import Timing
from tests.faults.effects import Effects

TIMING = attrs.evolve(Timing().scaled(0.08), command=5.0, heartbeat=0.2, retry=0.01)
"""As in production, 12 times as fast, a burial takes 2 s; what is shown, 50 times."""

effects = Effects(Path(os.environ["INTEROP_EFFECTS"]))


async def note(seconds: float = 0.0) -> None:
    jid = current_job().jid
    run = effects.begin(jid)
    await trio.sleep(seconds)
    effects.end(jid, run)


@worker(name="Succeed")
async def succeed(*args: Any) -> None:
    await note()


@worker(name="Nap")
async def nap(seconds: float) -> None:
    await note(seconds)


@worker(name="Handover")
async def handover(side: str) -> None:
    """Fail if that is our side, and let the other one finish it."""
    if side == "python":
        effects.begin(current_job().jid)
        raise ValueError("not in python: é <b>")
    await note()


@worker(name="Doomed", retry=0)
async def doomed(*args: Any) -> None:
    effects.begin(current_job().jid)
    raise ValueError("doomed")


@worker(name="Flaky")
async def flaky(seconds: float) -> None:
    """Fail now and then; a run that fails has not begun, for the auditor."""
    await trio.sleep(seconds)
    if random.random() < 1 / 4:
        raise ValueError("flaky")
    await note()


@worker(name="ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper")
async def wrapper(job_data: dict[str, Any]) -> None:
    assert isinstance(job_data["arguments"], list)
    await note()


OPTIONS = {"queues": {"python": 10}, **json.loads(os.environ["INTEROP_OPTIONS"])}

kiq = Kiq(
    workers=[succeed, nap, handover, doomed, flaky, wrapper],
    timing=TIMING,
    **OPTIONS,
)
