"""Measures one peer after the other: install, empty Redis, enqueue, drain."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import attrs

from bench.peers.catalogue import Peer
from bench.peers.environments import PeerError, call, prepare
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.servers import server_from_url

ROOT = Path(__file__).parents[2]
VERSION_TIMEOUT = 60.0


@attrs.frozen
class Figures:
    """What one peer cost.

    Attributes:
        peer: who.
        version: the version that ran.
        jobs: how many were measured.
        seconds: how long they took.
        client_cpu: CPU seconds of the worker's process and its children.
        redis_cpu: CPU seconds of Redis.
    """

    peer: Peer
    version: str
    jobs: int
    seconds: float
    client_cpu: float
    redis_cpu: float

    @property
    def rate(self) -> float:
        """Jobs per second."""
        return self.jobs / self.seconds

    @property
    def client_us(self) -> float:
        """CPU microseconds of the worker per job."""
        return self.client_cpu / self.jobs * 1e6

    @property
    def redis_us(self) -> float:
        """CPU microseconds of Redis per job."""
        return self.redis_cpu / self.jobs * 1e6


@attrs.frozen
class Failure:
    """A peer that was not measured, and why."""

    peer: Peer
    reason: str


Row: TypeAlias = Figures | Failure


def middle(rows: Sequence[Row]) -> Row:
    """Return the round with the median of the client's CPU time, or the failure."""
    found: list[Figures] = []
    for row in rows:
        if isinstance(row, Failure):
            return row
        found.append(row)
    return sorted(found, key=lambda row: row.client_us)[(len(found) - 1) // 2]


@attrs.frozen
class Bench:
    """How all peers are measured.

    Attributes:
        url: a Redis that is emptied before each.
        jobs: how many jobs are measured, after a tenth as many to warm up.
        cache: where the environments are.
        timeout: the seconds that enqueueing may take, and draining again.
    """

    url: str
    jobs: int
    cache: Path
    timeout: float

    async def measure_all(self, peers: Iterable[Peer], rounds: int = 1) -> list[Row]:
        """Return a row for each of *peers*, also for one that fails.

        Their rounds are interleaved, so that a slow minute hits all of them alike.
        """
        found: dict[Peer, list[Row]] = {peer: [] for peer in peers}
        for _ in range(rounds):
            for peer, rows in found.items():
                # One that failed may have cost a whole time-out.
                if not any(isinstance(row, Failure) for row in rows):
                    rows.append(await self._row(peer))
        return [middle(rows) for rows in found.values()]

    async def _row(self, peer: Peer) -> Row:
        try:
            return await self._measure(peer)
        except (PeerError, OSError) as error:
            return Failure(peer, str(error))

    async def _measure(self, peer: Peer) -> Figures:
        python = await prepare(peer, self.cache)
        version = await _version(python, peer)
        await self._empty()
        await self._drive(python, peer, "fill")
        output = await self._drive(python, peer, "drain")
        return Figures(peer, version, self.jobs, **_read(output))

    async def _empty(self) -> None:
        async with open_redis(server_from_url(self.url)) as redis:
            await redis.send([("FLUSHALL",)])

    async def _drive(self, python: Path, peer: Peer, half: str) -> str:
        numbers = (max(1, self.jobs // 10), self.jobs, peer.concurrency)
        module = ("-m", "bench.peers.drivers", peer.name, half, self.url)
        try:
            return await call(
                (python, *module, *map(str, numbers)), self.timeout, cwd=ROOT
            )
        except PeerError as error:
            raise PeerError(f"{half}: {error}") from error


async def _version(python: Path, peer: Peer) -> str:
    program = f"import importlib.metadata as m; print(m.version({peer.name!r}))"
    return (await call((python, "-c", program), VERSION_TIMEOUT)).strip()


def _read(output: str) -> dict[str, float]:
    """Return the figures on the last line that a worker printed."""
    _, _, last = output.strip().rpartition("\n")
    try:
        found: dict[str, float] = json.loads(last)
    except ValueError:
        raise PeerError("drain: it ended before the last job") from None
    return found
