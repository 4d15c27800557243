"""A server whose file ends at any byte of its last script, and that starts twice."""

import shutil
import sys
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import redis

from kiq_trio._store.scripts import SCRIPTS
from tests.faults.durable import DurableServer
from tests.faults.inside import steps
from tests.servers import RealServer
from tests.store.test_torn import CASES, JOBS, Deed, enqueue_three, schedule_three

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]


@pytest.mark.parametrize(
    ("before", "deed"), CASES, ids=[deed.__name__ for _, deed in CASES]
)
def test_a_file_that_is_cut_at_any_byte_of_a_script_loses_and_doubles_no_job(
    durable: DurableServer, tmp_path: Path, before: Deed, deed: Deed, *, is_long: bool
) -> None:
    drive(durable, before())
    start = increment(durable).stat().st_size
    drive(durable, deed())
    end = increment(durable).stat().st_size
    folder = durable.folder / "appendonlydir"
    durable.kill()
    shutil.copytree(folder, tmp_path / "kept")

    lengths = steps(end - start, is_long=is_long, about=8)
    cuts = [start + length for length in lengths]
    for cut in cuts:
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "kept", folder)
        with increment(durable).open("r+b") as file:
            file.truncate(cut)
        durable.start()
        found = copies(durable)
        assert found.keys() == JOBS or deed in {enqueue_three, schedule_three}, cut
        assert set(found.values()) <= {1}, cut
        # Whoever had no answer asks again.
        drive(durable, deed())
        assert copies(durable) == dict.fromkeys(JOBS, 1), cut
        durable.restart()
        assert copies(durable) == dict.fromkeys(JOBS, 1), cut
        durable.kill()

    sys.stdout.write(f"cut at {len(cuts)} of {end - start} bytes\n")
    assert end - start > 100


def increment(server: RealServer) -> Path:
    """Return the file that is appended to."""
    [path] = server.folder.glob("appendonlydir/*.incr.aof")
    return path


def drive(server: DurableServer, deed: Coroutine[Any, Any, Any]) -> None:
    """Let a deed of the store's own tests happen on a real server."""
    with server.client() as client:
        client.response_callbacks.clear()
        for script in SCRIPTS:
            client.script_load(script.source)
        try:
            commands = deed.send(None)
            while True:
                commands = deed.send([ask(client, command) for command in commands])
        except StopIteration:
            pass


def ask(client: redis.Redis, command: tuple[Any, ...]) -> Any:
    try:
        return client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py's.
    except redis.ResponseError as error:
        return error


def copies(server: DurableServer) -> Counter[bytes]:
    """Return how often each job is there, wherever it is."""
    found: Counter[Any] = Counter()
    with server.client() as client:
        keys: list[Any] = client.keys("*")
        for key in keys:
            kind = client.type(key)
            if key.startswith(b"kiq:backup|"):
                held: list[Any] = client.hvals(key)
                found.update(raw.partition(b"\n")[2] for raw in held)
            elif kind == b"list":
                found.update(client.lrange(key, 0, -1))
            elif kind == b"zset":
                found.update(client.zrange(key, 0, -1))
    return Counter({job: found[job] for job in JOBS if found[job]})
