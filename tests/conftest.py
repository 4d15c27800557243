"""What every test may ask for: a server of either kind, a clock, and chance."""

import logging
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from kiq_trio._wire.address import Address
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryServer
from kiq_trio._wire.remote import RemoteServer
from kiq_trio._wire.seam import Server
from tests.servers import RealServer

EPOCH = 1_800_000_000.0
"""When it is, for a test that looks at its clock first thing."""

_WHOLE = {"faults", "interop", "simulation"}
"""Folders whose tests run one after the other."""

_LOGGERS = (None, "kiq_trio", "kiq_trio.jobs")

settings.register_profile("default", max_examples=30, deadline=None)
settings.register_profile("ci", max_examples=300, deadline=None, print_blob=True)
settings.load_profile("ci" if "CI" in os.environ else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let two processes share the tests: those who wait begin, the rest goes beside.

    A file stays together, for what it has set up; so do the tests that kill processes,
    since they wait more than they work, and two of them would only disturb each other.
    """
    for item in items:
        file = Path(item.nodeid.split("::")[0])
        whole = file.parts[1] if file.parts[1] in _WHOLE else str(file)
        item.add_marker(pytest.mark.xdist_group(whole))
    items.sort(key=lambda item: "tests/faults" not in item.nodeid)


@pytest.fixture(autouse=True)
def unchanged_levels() -> Iterator[None]:
    """Let no test log for those after it: a command that runs in here sets levels."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def clock() -> TrioClock:
    """Epoch seconds from `EPOCH` on, moved by Trio's clock, mock or not."""
    return TrioClock(EPOCH)


@pytest.fixture(scope="session")
def real_server() -> Iterator[RealServer]:
    """The suite's own Redis, one for all tests; `server` empties it for each."""
    with RealServer() as server:
        yield server


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.server)])
def server(request: pytest.FixtureRequest, clock: TrioClock) -> Server:
    """An empty Redis, in this process and then a real one.

    The one in process tells the time of `clock`, the real one the time of day.
    """
    if request.param == "memory":
        return MemoryServer(clock)
    real: RealServer = request.getfixturevalue("real_server")
    with real.client() as client:
        client.flushall()
        client.script_flush()
    return RemoteServer(Address.from_url(real.unix_url))


@pytest.fixture
def is_long() -> bool:
    """Whether there is time for the full version of a test."""
    return os.environ.get("KIQ_TRIO_FAULTS") == "long"


@pytest.fixture
def rng() -> random.Random:
    """Chance that can be had again: `KIQ_TRIO_SEED` takes the seed of a report."""
    seed = int(os.environ.get("KIQ_TRIO_SEED") or random.randrange(2**32))
    sys.stdout.write(f"KIQ_TRIO_SEED={seed}\n")
    return random.Random(seed)
