"""What the fault tests share: a durable server, a herd of processes."""

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
