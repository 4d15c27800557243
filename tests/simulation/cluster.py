"""The processes of a world, and their Redis."""

from functools import partial
from random import Random

import attrs
import trio

from kiq_trio._wire.faulty import FateOf
from kiq_trio.testing import Fate, by_chance
from tests.simulation.journal import Journal
from tests.simulation.process import TIMING, Node, Way
from tests.simulation.witness import NEVER, WatchedServer, Witness

EPOCH = 1_800_000_000.0
LATENESS = 30.0
"""So many seconds later comes what comes late, at most."""
BAD: tuple[Fate, ...] = ("request lost", "reply lost", "silence", "late", "twice")


@attrs.define(eq=False)
class Cluster:
    """The processes, dead or alive.

    Attributes:
        chance: where everything comes from.
        witness: what reaches Redis.
        journal: what runs.
        nodes: the processes that live.
        dead: those that were killed.
        everyone: these, and those that have left.
    """

    chance: Random
    witness: Witness = attrs.field(factory=Witness)
    server: WatchedServer = attrs.field(init=False)
    journal: Journal = attrs.field(init=False)
    nodes: list[Node] = attrs.field(factory=list)
    dead: list[Node] = attrs.field(factory=list)
    everyone: list[Node] = attrs.field(factory=list)
    _count: int = 0
    _is_mischievous: bool = True
    _is_out: bool = False

    def __attrs_post_init__(self) -> None:
        self.server = WatchedServer(self.witness, EPOCH)
        self.journal = Journal(self.witness)
        self.witness.patience = TIMING.burial
        self.witness.well_since = self._well_since

    async def _start(self, nursery: trio.Nursery, *, is_server: bool = True) -> Node:
        node = self._make(nursery, is_server=is_server)
        await nursery.start(node.live)
        return node

    def _make(self, nursery: trio.Nursery, *, is_server: bool = True) -> Node:
        self._count += 1
        name = f"node-{self._count}" if is_server else f"client-{self._count}"
        random = Random(self.chance.random())
        way = Way(
            self.server,
            latency=lambda: random.random() * 0.02,
            lateness=lambda: random.random() * LATENESS,
        )
        node = Node(name, way, self.journal, random, is_server=is_server)
        if self._is_mischievous:
            way.fate = self._fate(random)
        if self._is_out:
            way.go_away()
        self.nodes.append(node)
        self.everyone.append(node)
        node.on_fatal = partial(self._follow, nursery)
        self.witness.write(f"{name} starts")
        return node

    def _follow(self, nursery: trio.Nursery, node: Node) -> None:
        """Kill *node*, and have another process take its place."""
        node.kill()
        self.dead.append(node)
        if node in self.nodes:
            self.nodes.remove(node)
        # A job of its own may have killed it: then we are in its hands.
        with node.tasks.left():
            nursery.start_soon(self._make(nursery).live)

    def _fate(self, random: Random) -> FateOf:
        """Return what becomes of commands; some ways are good, some are not."""
        worst = self.chance.choice((0.0, 0.005, 0.03))
        chances = {fate: self.chance.random() * worst for fate in BAD}
        return by_chance(random.random, chances)

    @property
    def servers(self) -> list[Node]:
        return [node for node in self.nodes if node.is_server]

    def _well_since(self, identity: str) -> float:
        well = [node for node in self.everyone if node.is_well_as(identity)]
        return well[0].well_since if well else NEVER
