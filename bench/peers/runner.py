"""Measures the peers in turns: empty Redis, enqueue, drain."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from bench.clock import Rounds, Sample
from bench.peers.catalogue import Peer
from bench.peers.environments import PeerError, Program, call, prepare
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.servers import server_from_url

PARTS = ("singly", "bulk", "drain")
"""What is measured, in the order in which it is done."""


@attrs.frozen
class Found:
    """What a run came to.

    Attributes:
        versions: the version of each peer that was measured, by its name.
        failures: why a peer was not measured, by its name.
        rounds: the measurements of each part; only of peers that did all of them.
    """

    versions: dict[str, str] = attrs.field(factory=dict)
    failures: dict[str, str] = attrs.field(factory=dict)
    rounds: Mapping[str, Rounds] = attrs.field(
        factory=lambda: {part: {} for part in PARTS}
    )

    def add(self, peer: Peer, samples: Mapping[str, Sample]) -> None:
        """Note a round of *peer*."""
        for part, sample in samples.items():
            self.rounds[part].setdefault(peer.name, []).append(sample)

    def give_up(self, peer: Peer, reason: str) -> None:
        """Note why *peer* has no figures."""
        self.failures[peer.name] = reason
        self.versions.pop(peer.name, None)
        for samples in self.rounds.values():
            samples.pop(peer.name, None)


@attrs.frozen
class Bench:
    """How all peers are measured.

    Attributes:
        url: a Redis that is emptied before each.
        jobs: how many jobs are measured, after a tenth as many to warm up.
        cache: where the environments are.
        timeout: the seconds that each part may take.
    """

    url: str
    jobs: int
    cache: Path
    timeout: float

    async def measure_all(self, peers: Sequence[Peer], rounds: int = 1) -> Found:
        """Measure *peers*, or find out why one cannot be.

        They take turns, and each round begins with another, so that a slow minute
        hits all of them alike.
        """
        found = Found()
        for turn in range(rounds):
            first = turn % len(peers)
            for peer in (*peers[first:], *peers[:first]):
                # One that failed may have cost a whole time-out.
                if peer.name not in found.failures:
                    await self._round(peer, found)
        return found

    async def _round(self, peer: Peer, found: Found) -> None:
        try:
            program = await prepare(peer, self.cache)
            found.versions[peer.name] = program.version
            found.add(peer, await self._measure(peer, program))
        except (PeerError, OSError) as error:
            found.give_up(peer, str(error))

    async def _measure(self, peer: Peer, program: Program) -> dict[str, Sample]:
        samples = {}
        for part in PARTS:
            if part == "bulk" and not peer.has_bulk:
                continue
            if part != "drain":
                await self._empty()
            samples[part] = await self._part(peer, program, part)
        return samples

    async def _empty(self) -> None:
        async with open_redis(server_from_url(self.url)) as redis:
            await redis.send([("FLUSHALL",)])

    async def _part(self, peer: Peer, program: Program, part: str) -> Sample:
        numbers = (max(1, self.jobs // 10), self.jobs, peer.concurrency)
        command = (*program.command, part, self.url, *map(str, numbers))
        try:
            return _read(await call(command, self.timeout))
        except PeerError as error:
            raise PeerError(f"{part}: {error}") from error


def _read(output: str) -> Sample:
    """Return the figures on the last line that a driver printed."""
    _, _, last = output.strip().rpartition("\n")
    try:
        return Sample(**json.loads(last))
    except (ValueError, TypeError):
        raise PeerError("it ended before the last job") from None
