"""A process that is cut off ends its exclusive jobs before another runs them."""

import random
import sys
import time
from contextlib import ExitStack
from itertools import pairwise

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.effects import History
from tests.faults.enqueueing import store
from tests.faults.herd import Herd, Process
from tests.faults.proxy import BOTH, proxied
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import TIMING, make_job

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

EACH = 5
"""So many jobs run in a process when it is cut off."""


def test_runs_of_an_exclusive_job_never_overlap_though_its_process_is_cut_off(
    durable: DurableServer,
    client: Client,
    herd: Herd,
    rng: random.Random,
    *,
    is_long: bool,
) -> None:
    rounds, count = (20, 5) if is_long else (2, 1)
    queues = [f"lonely-{number}" for number in range(count)]
    jids: list[str] = []
    with ExitStack() as stack:
        proxies = [stack.enter_context(proxied(durable.path)) for _ in queues]
        lonely = [
            herd.work(queues={queue: EACH}, redis_url=proxy.url, shutdown_timeout=1)
            for queue, proxy in zip(queues, proxies, strict=True)
        ]

        def all_run() -> bool:
            return len(herd.history.runs) == len(jids)

        def has_joined_again(process: Process) -> bool:
            return process.log.count("registered as") > len(jids) // (EACH * count)

        for _ in range(rounds):
            wait_until(lambda: client.hlen("kiq:processes") == count)
            jobs = [
                make_job("alone", 1.5 * TIMING.burial, queue=queue)
                for queue in queues
                for _ in range(EACH)
            ]
            jids += store(durable.unix_url, jobs)
            wait_until(all_run)
            other = herd.work(queues=dict.fromkeys(queues, EACH))
            wait_until(lambda: client.hlen("kiq:processes") == count + 1)
            for proxy in proxies:
                time.sleep(rng.uniform(0, TIMING.beat / count))
                proxy.dark = BOTH
            wait_drained(client)
            for proxy in proxies:
                proxy.mend()
            wait_until(lambda: all(map(has_joined_again, lonely)))
            other.terminate()
            assert other.wait() == 0
        herd.stop()
    world = World.read(client)

    verdict = audit(world, herd.history, jids)
    gaps = [gap for jid in jids for gap in pauses(herd.history, jid)]
    sys.stdout.write(
        f"{verdict}\n{rounds * count} times cut off: between two runs of a job lay "
        f"{min(gaps):.2f} to {max(gaps):.2f} s\n"
    )
    verdict.assert_sound()
    assert verdict.where == {"done": len(jids)}
    assert verdict.history.extra == len(gaps) == len(jids)
    assert min(gaps) > 0


def pauses(history: History, jid: str) -> list[float]:
    """Return how long after the end of each run of a job the next one began."""
    runs = history.runs[jid]
    return [after.began - before.stopped for before, after in pairwise(runs)]
