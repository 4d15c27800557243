"""What goes wrong in a world."""

import attrs
import trio

from tests.simulation.cluster import Cluster
from tests.simulation.process import Node

MISCHIEF = 50.0
"""For so many seconds things go wrong."""


@attrs.define(eq=False)
class Mischief(Cluster):
    """Kills, stops and cuts off processes, for a while.

    Attributes:
        faults: how many there have been.
    """

    faults: int = 0

    async def _make_mischief(self, nursery: trio.Nursery) -> None:
        deeds = [
            self._kill,
            self._kill,
            self._stop,
            self._stop,
            self._cut,
            self._go_away,
            self._outage,
            self._deploy,
            self._flush_scripts,
        ]
        until = trio.current_time() + MISCHIEF
        while True:
            await trio.sleep(self.chance.expovariate(1 / 8))
            if trio.current_time() > until:
                return
            deed = self.chance.choice(deeds)
            anybody = deed in (self._cut, self._go_away)
            node = self.chance.choice(self.nodes if anybody else self.servers)
            self.faults += 1
            self.witness.write(f"{deed.__name__} {node.name}")
            await deed(nursery, node)

    async def _kill(self, nursery: trio.Nursery, node: Node) -> None:
        self._follow(nursery, node)
        await trio.lowlevel.checkpoint()

    async def _stop(self, nursery: trio.Nursery, node: Node) -> None:
        if not node.tasks.is_stopped:
            node.stop()
            nursery.start_soon(self._resume_later, node)

    async def _resume_later(self, node: Node) -> None:
        await trio.sleep(self._while())
        if not node.is_dead:
            self.witness.write(f"{node.name} goes on")
            node.resume()

    async def _cut(self, _: trio.Nursery, node: Node) -> None:
        node.way.cut()

    async def _go_away(self, nursery: trio.Nursery, node: Node) -> None:
        nursery.start_soon(self._be_away, node, self._while())

    async def _be_away(self, node: Node, seconds: float) -> None:
        node.way.go_away()
        await trio.sleep(seconds)
        if not (node.is_dead or self._is_out):
            node.way.come_back()

    async def _outage(self, nursery: trio.Nursery, _: Node) -> None:
        if not self._is_out:
            nursery.start_soon(self._be_out, self._while())

    async def _be_out(self, seconds: float) -> None:
        self._is_out = True
        well = [node for node in self.nodes if not node.is_unwell]
        for node in self.nodes:
            node.way.go_away()
        await trio.sleep(seconds)
        self._is_out = False
        for node in self.nodes:
            node.way.come_back()
        for node in well:
            # Nobody may take it for dead because of what befell everybody.
            node.well_since = trio.current_time()

    def _while(self) -> float:
        return self.chance.choice((1.0, 12.0, 40.0))

    async def _deploy(self, nursery: trio.Nursery, node: Node) -> None:
        if len(self.servers) < 2:
            return
        node.stopping.set()
        self.nodes.remove(node)
        nursery.start_soon(self._start_after, nursery, node)

    async def _start_after(self, nursery: trio.Nursery, node: Node) -> None:
        await node.is_gone.wait()
        await self._start(nursery)

    async def _flush_scripts(self, _: trio.Nursery, __: Node) -> None:
        self.witness.peek("SCRIPT", "FLUSH")

    def _make_peace(self) -> None:
        """Let nothing go wrong any more; who is stopped or away comes back."""
        self._is_mischievous = False
        self.witness.write("peace")
        for node in self.nodes:
            node.way.fate = lambda _: "delivered"
