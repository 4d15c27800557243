"""The Redis of the simulation, and who sees every command that reaches it."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryConnection, MemoryServer
from kiq_trio._wire.seam import Connection
from kiq_trio._wire.slot import Command, Slot

NAMES = {script.sha: script.name for script in SCRIPTS} | {
    script.source: script.name for script in SCRIPTS
}
LOCKS = "kiq:unique:"
NEVER = float("-inf")
JUDGED = {"register", "beat", "bury", "drain", "tick"}
_PER_JOB = 7
"""Arguments that a drain has for each job; the first four are for all of them."""


def script_in(command: Command) -> str | None:
    """Return the name of the script that *command* runs."""
    if command[0] in {"EVALSHA", "EVAL"}:
        return NAMES.get(str(command[1]))
    return None


@attrs.define(eq=False)
class Witness:
    """Sees each command when it arrives, writes it down, and judges it.

    Attributes:
        trace: what happened, in order; the same for the same seed.
        objection: what must never have been, if something was.
        on_objection: called at the first one.
        mutants: texts of scripts that take the place of ours, by name.
        patience: for how long nobody may have heard of a process that is buried.
        well_since: returns when the last outage ended that alone kept the process of
            that name from being heard; `NEVER` if it cannot be heard now.
        ticks: the ticks of periodic jobs that have had their job.
    """

    trace: list[str] = attrs.field(factory=list)
    objection: str | None = None
    on_objection: Callable[[], None] = attrs.field(default=lambda: None)
    mutants: Mapping[str, str] = attrs.field(factory=dict)
    patience: float = 25.0
    well_since: Callable[[str], float] = attrs.field(default=lambda _: NEVER)
    ticks: list[tuple[str, str]] = attrs.field(factory=list)
    _heard_at: dict[str, float] = attrs.field(factory=dict)
    _given_up: defaultdict[str, set[str]] = attrs.field(
        factory=lambda: defaultdict(set)
    )
    _peephole: MemoryConnection = attrs.field(init=False)

    def write(self, line: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{trio.current_time():.6f} {line}")

    def object(self, what: str) -> None:
        """Say that something has been that must never be.

        Not by an exception: some who find it are no tasks of the simulation's.
        """
        if self.objection is None:
            self.objection = what
            self.write(f"VIOLATION {what}")
            self.on_objection()

    def look_through(self, server: MemoryServer) -> None:
        """Look at the data of *server* without being seen."""
        self._peephole = MemoryConnection(server._state)

    def peek(self, *command: Any) -> Any:
        """Ask Redis for something, beside everybody else."""
        [reply] = self._peephole.submit([command]).replies
        if isinstance(reply, Exception):
            raise reply
        return reply

    def places(self) -> dict[str, list[bytes]]:
        """Return all payloads, by the key that holds them."""
        found: dict[str, list[bytes]] = {}
        for key in sorted(self.peek("KEYS", "*")):
            name = key.decode()
            if name.startswith("queue:"):
                found[name] = self.peek("LRANGE", key, 0, -1)
            elif name in {"schedule", "retry", "dead"}:
                found[name] = self.peek("ZRANGE", key, 0, -1)
            elif name.startswith("kiq:backup|"):
                held = self.peek("HVALS", key)
                found[name] = [value.partition(b"\n")[2] for value in held]
        return found

    def is_registered(self, identity: str) -> bool:
        """Whether the process of that name may hold jobs."""
        return bool(self.peek("HEXISTS", "kiq:processes", identity))

    def see(self, line: Connection, command: Command) -> Slot:
        """Let *line* have *command*, and judge what it does."""
        name = script_in(command)
        if name is not None and name in self.mutants:
            command = ("EVAL", self.mutants[name], *command[2:])
        before = self._owners(command)
        slot = line.submit([command])
        self._write_down(name, command)
        if name in JUDGED and slot.replies:
            [reply] = slot.replies
            # A script that Redis has forgotten has done nothing.
            if not isinstance(reply, Exception):
                self._judge(name, command, reply)
        if before:
            self._judge_locks(before)
        return slot

    def _write_down(self, name: str | None, command: Command) -> None:
        fields = command[3:] if name is not None else command[1:]
        shown = " ".join(repr(one)[:60] for one in fields if one != "rss")
        # What a heartbeat says of our memory is not of this world.
        if command[0] != "HSET" or "rss" not in command:
            self.write(f"{name or str(command[0])} {shown}")
        else:
            self.write(f"shown {command[1]!r}")

    def _judge(self, name: str, command: Command, reply: Any) -> None:
        count = int(command[2])
        arguments = [str(one) for one in command[3 + count :]]
        now = trio.current_time()
        if name == "beat" or (name == "register" and reply > 0):
            self._heard_at[arguments[0]] = now
        elif name == "bury" and reply == 1:
            heard_at = max(self._heard_at[arguments[0]], self.well_since(arguments[0]))
            if now - heard_at < self.patience:
                self.object(f"{arguments[0]} was buried alive")
        elif name == "drain":
            given_up = self._given_up[arguments[0]]
            given_up |= {
                arguments[n]
                for n in range(4, len(arguments), _PER_JOB)
                if not arguments[n + 2]
            }
            if len(given_up) > 1:
                self.object(f"{sorted(given_up)} are to blame that a process died")
        elif name == "tick" and reply == b"enqueued":
            tick = arguments[0], arguments[2]
            if tick in self.ticks:
                self.object(f"the tick {tick} has come twice")
            self.ticks.append(tick)

    def _owners(self, command: Command) -> dict[bytes, bytes]:
        """Return who has which of the locks that *command* names."""
        keys = [str(one) for one in command if str(one).startswith(LOCKS)]
        owners = {key.encode(): self.peek("GET", key) for key in keys}
        return {key: owner for key, owner in owners.items() if owner}

    def _judge_locks(self, before: Mapping[bytes, bytes]) -> None:
        for key, owner in before.items():
            if self.peek("GET", key) == owner:
                continue
            mark = b'"jid":"%s"' % owner
            for place, payloads in self.places().items():
                if place != "dead" and any(mark in one for one in payloads):
                    self.object(
                        f"{owner.decode()} has lost its lock, and is in {place}"
                    )


class WatchedServer(MemoryServer):
    """A Redis in the process that lets a witness see what reaches it."""

    def __init__(self, witness: Witness, epoch: float) -> None:
        super().__init__(TrioClock(epoch))
        self.witness = witness
        witness.look_through(self)

    @asynccontextmanager
    async def connect(self, **options: Any) -> AsyncIterator[Any]:
        async with super().connect(**options) as line:
            yield WatchedLine(line, self.witness)


@attrs.define(eq=False)
class WatchedLine(Connection):
    """A line to it."""

    line: MemoryConnection
    witness: Witness

    @property
    def client_id(self) -> int:
        return self.line.client_id

    @property
    def protocol(self) -> int:
        return self.line.protocol

    def submit(self, commands: Sequence[Command], *, decode: bool = False) -> Slot:
        assert not decode, "nobody here asks for text"
        slots = [self.witness.see(self.line, command) for command in commands]
        return slots[0] if len(slots) == 1 else Together(slots)

    async def wait_closed(self) -> BaseException:
        return await self.line.wait_closed()

    def abort(self, reason: BaseException) -> None:
        self.line.abort(reason)


class Together(Slot):
    """The replies to commands that were seen one by one."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        super().__init__(len(slots))
        self.slots = slots

    async def wait(self) -> list[Any]:
        for slot in self.slots:
            if not slot.is_settled:
                await slot.wait()
        await trio.lowlevel.checkpoint()
        return [reply for slot in self.slots for reply in slot.replies]
