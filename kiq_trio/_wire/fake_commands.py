"""Redis' commands where fakeredis has none, or one that is not like Redis' own."""

from hashlib import sha1
from typing import Any

from fakeredis._command_args_parsing import Timeout
from fakeredis._commands import Signature
from fakeredis._socket import FakeSocket
from fakeredis.commands_mixins.list_mixin import _parse_list_end

from kiq_trio._wire.fake_database import VERSION, MemoryState

_VERSION = ".".join(map(str, VERSION))

_INFO = f"""\
# Server
redis_version:{_VERSION}
redis_mode:standalone

# Memory
maxmemory:0
maxmemory_policy:noeviction

# Persistence
loading:0
aof_enabled:0

# Replication
role:master
connected_slaves:0

# Cluster
cluster_enabled:0
"""

# fakeredis types these for exactly one argument.
_NOTHING: Any = ()
_SOME: Any = (bytes,)
_MOVE: Any = (bytes, bytes, bytes, bytes, Timeout)

_OUR_COMMANDS = {
    # fakeredis' own BLMOVE answers nil at once when the list is missing.
    "blmove": Signature("blmove", "blmove", _MOVE, flags="s"),
    "info": Signature("info", "info", _NOTHING, _SOME),
    "role": Signature("role", "role", _NOTHING),
}


# Redis refuses these; fakeredis notices a new global afterwards, and from then on
# refuses every script.
_GUARD_GLOBALS = b"""
setmetatable(_G, {
    __newindex = function()
        error('Attempt to modify a readonly table', 2)
    end,
    __index = function(_, name)
        error("Script attempted to access nonexistent global variable '"
            .. tostring(name) .. "'", 2)
    end,
})
"""


class FakeCommands(FakeSocket):
    """fakeredis' commands, corrected; `MemorySocket` says how they are run."""

    _state: MemoryState

    def _name_to_func(self, cmd_name: str) -> tuple[Any, Signature]:
        if (signature := _OUR_COMMANDS.get(cmd_name)) is not None:
            return getattr(self, signature.func_name), signature
        return super()._name_to_func(cmd_name)

    def blmove(
        self,
        first_list: Any,
        second_list: Any,
        src: bytes,
        dst: bytes,
        timeout: float,
    ) -> Any:
        from_left, to_left = _parse_list_end(src), _parse_list_end(dst)

        def move(first_pass: bool) -> Any:  # noqa: FBT001 - fakeredis' own signature.
            return self._blmovem_pass(
                source=first_list,
                destination=second_list,
                from_left=from_left,
                to_left=to_left,
                exactly=False,
                count=1,
                one_by_one=True,
                first_pass=first_pass,
            )

        return self._blocking(timeout, move, lambda moved: moved and moved[0])

    def time(self) -> list[bytes]:
        seconds, micros = divmod(round(self._state.now * 1_000_000), 1_000_000)
        return [b"%d" % seconds, b"%d" % micros]

    def eval(self, script: bytes, numkeys: int, *keys_and_args: bytes) -> Any:
        if not script.startswith(b"#!"):
            return super().eval(script, numkeys, *keys_and_args)
        # fakeredis runs the text as Lua, to which Redis' first line is a mistake.
        runnable = b"--" + script.removeprefix(b"#!")
        cache = self._state.script_cache
        cache[_sha(script)] = script
        try:
            return super().eval(runnable, numkeys, *keys_and_args)
        finally:
            cache.pop(_sha(runnable), None)

    def _get_server_runtime(self, server: Any) -> Any:
        is_new = not hasattr(server, "_lua_runtime")
        runtime = super()._get_server_runtime(server)
        if is_new:
            runtime.execute(_GUARD_GLOBALS)
        return runtime

    def hello(self, *args: bytes) -> dict[str, Any]:
        greeting: dict[str, Any] = super().hello(*args)
        return greeting | {"server": "redis", "version": _VERSION}

    def info(self, *_: bytes) -> bytes:
        """All sections, whichever were asked for."""
        return _INFO.replace("\n", "\r\n").encode()

    def role(self) -> list[Any]:
        return [b"master", 0, []]


def _sha(script: bytes) -> bytes:
    return sha1(script, usedforsecurity=False).hexdigest().encode()
