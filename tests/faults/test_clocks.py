"""Somebody sets the time of day, by hours: nobody is taken for dead for that."""

import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults.audit import Client, World, audit
from tests.faults.durable import DurableServer
from tests.faults.herd import Herd
from tests.faults.preloading import Shift
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import TIMING

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

JUMPS = [120, -3600, 3600, 0]


def test_nobody_is_buried_when_the_clock_of_redis_jumps(tmp_path: Path) -> None:
    shift = Shift(tmp_path)
    with shift.felt():
        server = DurableServer()
        server.start()
    try:
        with (
            server.client(decode_responses=True) as client,
            Herd(server.unix_url, tmp_path) as herd,
        ):
            began = client.time()[0]
            shift.set(3600)
            assert client.time()[0] >= began + 3600, "it feels the shift"
            shift.set(0)
            work_through_jumps(shift, client, herd)
    finally:
        server.stop()


def test_nobody_is_buried_when_the_clocks_of_processes_jump(
    durable: DurableServer, client: Client, tmp_path: Path
) -> None:
    shift = Shift(tmp_path)
    with shift.felt():
        herd = Herd(durable.unix_url, tmp_path)
    with herd:
        work_through_jumps(shift, client, herd)
    logs = [process.log.split() for process in herd.processes]
    stamps = [float(words[0]) for words in logs if words]
    assert max(stamps) - min(stamps) > 7000, "they felt the shift"


def work_through_jumps(shift: Shift, client: Client, herd: Herd) -> None:
    workers = [herd.work(queues={"default": 10}) for _ in range(2)]
    enqueuer = herd.enqueue(pause=0.02, kinds=["nap", "thread"], seconds=0.05)
    for jump in JUMPS:
        before = len(herd.history.ended)
        shift.set(jump)
        time.sleep(1.5 * TIMING.burial)
        wait_until(partial(has_ended_more, herd, before))
        # It writes into its log when it joins, at the time of day that it sees.
        workers.append(herd.work(queues={"default": 1}))
    enqueuer.terminate()
    wait_drained(client)
    herd.stop()

    verdict = audit(World.read(client), herd.history, herd.acknowledged)
    sys.stdout.write(f"{verdict}\n")
    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
    assert verdict.history.extra == 0
    assert herd.registrations == len(workers)
    assert not any(process.errors for process in herd.processes)


def has_ended_more(herd: Herd, jobs: int) -> bool:
    return len(herd.history.ended) > jobs + 20
