"""A Redis in this process that the store's functions call without an event loop.

A call of the store suspends at each round trip, and whoever drives it decides when
the commands run, and whether the reply arrives. Scripts can be replaced by mutants,
and can be torn: stopped after some of their writes, as Redis' death may do.
"""

import re
import types
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from typing import Any, TypeVar, cast

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis
from kiq_trio._wire.fake_database import MemoryState
from kiq_trio._wire.memory import MemoryConnection
from kiq_trio._wire.script import Script
from kiq_trio._wire.slot import Command

Result = TypeVar("Result")
Commands = Sequence[Command]

_BY_SHA = {script.sha: script for script in SCRIPTS}
_BY_SOURCE = {script.source: script for script in SCRIPTS}

WRITES = [
    "DEL",
    "HDEL",
    "HINCRBY",
    "HSET",
    "INCRBY",
    "LPUSH",
    "LREM",
    "LTRIM",
    "PEXPIRE",
    "RPUSH",
    "SADD",
    "SET",
    "SREM",
    "ZADD",
    "ZREM",
]

_TEAR = """
local _writes, _left = {{{writes}}}, {count}
local function _call(name, ...)
  if _writes[name] then
    if _left == 0 then
      error('torn')
    end
    _left = _left - 1
  end
  return redis.call(name, ...)
end
"""


@types.coroutine
def _ask(commands: Commands) -> Generator[Commands, list[Any], list[Any]]:
    return (yield commands)


class Line:
    """What the store takes for its connection."""

    async def send(self, commands: Commands) -> list[Any]:
        return await _ask(commands)

    async def raw(self, *command: Any) -> Any:
        (reply,) = await _ask([command])
        if isinstance(reply, Exception):
            raise reply
        return reply


LINE = cast("Redis", Line())


def script_of(command: Command) -> Script | None:
    """Return the script that *command* runs, if it runs one."""
    name, *rest = command
    table = {"EVALSHA": _BY_SHA, "EVAL": _BY_SOURCE}.get(str(name))
    return table[str(rest[0])] if table else None


class DirectServer:
    """A server; *mutants* replace the text of scripts by their names."""

    def __init__(
        self, clock: Callable[[], float], mutants: Mapping[str, str] | None = None
    ) -> None:
        self._line = MemoryConnection(MemoryState(clock))
        self._texts = {s.name: s.source for s in SCRIPTS} | dict(mutants or {})

    def do(self, *command: Any) -> Any:
        """Run one command as it is; return its reply, errors too."""
        return self._line.submit([command]).replies[0]

    def run(self, command: Command) -> Any:
        """Run one command of the store."""
        script = script_of(command)
        if script is None:
            return self.do(*command)
        return self.do("EVAL", self._texts[script.name], *command[2:])

    def tear(self, command: Command, count: int) -> None:
        """Run a script of the store up to its *count*-th write, and no further."""
        script = script_of(command)
        assert script is not None
        first_line, body = self._texts[script.name].split("\n", 1)
        writes = ", ".join(f"{name} = true" for name in WRITES)
        head = _TEAR.format(writes=writes, count=count).replace("\n", " ")
        torn = re.sub(r"redis\.call\(", "_call(", body)
        self.do("EVAL", f"{first_line}\n{head}\n{torn}", *command[2:])


def call(server: DirectServer, coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a function of the store to its end, with nothing in between."""
    replies: list[Any] | None = None
    while True:
        try:
            commands: Commands = coroutine.send(replies)
        except StopIteration as end:
            return cast("Result", end.value)
        replies = [server.run(command) for command in commands]
