"""A disk that is full: nothing is taken that could be lost, and all goes on later."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from tests.faults.audit import Client, World, audit
from tests.faults.disks import small_disk
from tests.faults.durable import DurableServer
from tests.faults.herd import Herd
from tests.faults.waiting import wait_drained, wait_until
from tests.faults.worker_process import TIMING

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]


@pytest.fixture(params=["everysec", "always"])
def server(request: pytest.FixtureRequest) -> Iterator[DurableServer]:
    server = DurableServer(appendfsync=request.param)
    server.folder.mkdir(exist_ok=True)
    yield server
    server.stop()


def test_a_full_disk_costs_no_job_and_buries_nobody(
    server: DurableServer, tmp_path: Path
) -> None:
    """With `always` Redis ends when it cannot write; else it refuses all writes."""
    ends = server.options["appendfsync"] == "always"
    with small_disk(server) as disk:
        server.start()
        with (
            server.client(decode_responses=True) as client,
            Herd(server.unix_url, tmp_path) as herd,
        ):
            workers = [herd.work(queues={"default": 10}) for _ in range(2)]
            enqueuer = herd.enqueue(
                pause=0.01, kinds=["nap", "thread", "flaky"], seconds=0.02, later=0.1
            )
            wait_until(lambda: len(herd.history.runs) > 50)

            disk.fill()
            wait_until(lambda: not server.is_running if ends else refuses(client))
            lines = len(log_of(herd))
            # Whoever can still read sees for long that nobody's counter moves.
            time.sleep(0.5 if ends else 2.5 * TIMING.burial)
            said = log_of(herd)[lines:]
            disk.free()
            if ends:
                server.start()
            before = len(herd.history.runs)
            resumed = wait_until(lambda: len(herd.history.runs) > before + 20)

            enqueuer.terminate()
            wait_drained(client)
            herd.stop()
            world = World.read(client)
            server.kill()

    verdict = audit(world, herd.history, herd.acknowledged)
    sys.stdout.write(
        f"{verdict}\n20 jobs were run {resumed:.2f} s after it\n" + "\n".join(said)
    )
    verdict.assert_sound()
    assert set(verdict.where) == {"done"}
    assert verdict.history.extra == 0
    assert herd.registrations == 2
    assert resumed <= 4
    assert len(said) <= 10 * len(herd.processes)
    assert not any("dead" in process.log for process in herd.processes)
    assert not any(process.errors for process in [*workers, enqueuer])


def refuses(client: Client) -> bool:
    """Whether the server takes nothing that it cannot write down."""
    try:
        client.set("queues:none", 1, xx=True)
    except ResponseError as error:
        return str(error).startswith("MISCONF")
    return False


def log_of(herd: Herd) -> list[str]:
    return [line for each in herd.processes for line in each.log.splitlines()]
