"""Clusters of both languages."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kiq_trio.clients import SyncClient
from tests.interop.browser import Browser
from tests.interop.cluster import Cluster, require_ruby
from tests.interop.console import Console
from tests.interop.scene import Scene
from tests.servers import RealServer


@contextmanager
def opened(folder: Path, **options: str) -> Iterator[Cluster]:
    """Open a cluster for the length of the block; its files are in *folder*.

    *options* are those of its Redis.
    """
    require_ruby()
    with ExitStack() as stack:
        server = stack.enter_context(RealServer(**options))
        cluster = Cluster(server, folder, stack)
        stack.callback(_tell, cluster)
        yield cluster


def enqueuer(cluster: Cluster) -> SyncClient:
    return SyncClient(cluster.server.url, sidekiq=6)


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """What all tests share: a Redis, and the Rubies that only look at it."""
    with opened(tmp_path_factory.mktemp("studio")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def console(studio: Cluster) -> Console:
    return studio.console()


@pytest.fixture(scope="session")
def browser(studio: Cluster) -> Browser:
    return studio.browser()


@pytest.fixture
def cluster(studio: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster with nobody in it, and nothing in its Redis."""
    studio.client.flushall()
    with ExitStack() as stack:
        cluster = Cluster(studio.server, tmp_path, stack)
        stack.callback(_tell, cluster)
        yield cluster


@pytest.fixture
def client(cluster: Cluster) -> Iterator[SyncClient]:
    """Ours, for programs that block."""
    with enqueuer(cluster) as client:
        yield client


@pytest.fixture
def scene(cluster: Cluster, client: SyncClient) -> Scene:
    return Scene.build(cluster, client)


def _tell(cluster: Cluster) -> None:
    """Let pytest show the logs of a test that failed."""
    for program in cluster.programs:
        sys.stdout.write(f"--- {program.name}\n{program.log}\n")
