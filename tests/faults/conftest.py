"""What the fault tests share: a durable server, a herd of processes, a seed."""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.audit import Client
from tests.faults.durable import DurableServer
from tests.faults.herd import Herd


@pytest.fixture
def durable() -> Iterator[DurableServer]:
    with DurableServer() as server:
        yield server


@pytest.fixture
def client(durable: DurableServer) -> Iterator[Client]:
    """A client that does not depend on the code under test."""
    with durable.client(decode_responses=True) as client:
        yield client


@pytest.fixture
def herd(durable: DurableServer, tmp_path: Path) -> Iterator[Herd]:
    with Herd(durable.unix_url, tmp_path) as herd:
        yield herd


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
