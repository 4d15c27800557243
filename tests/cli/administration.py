"""The commands of administration in this process, on a server of either kind."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import attrs
import trio
from typer.testing import CliRunner

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.client import Redis, open_redis
from kiq_trio._wire.seam import Server
from kiq_trio.cli.app import app

T = TypeVar("T")


@attrs.frozen
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[list[str]]:
        """Its answer, word by word."""
        return [line.split() for line in self.out.splitlines()]


@attrs.frozen
class Admin:
    """Somebody at a terminal whose Redis is *server*."""

    server: Server
    variables: dict[str, str] = attrs.field(factory=dict)

    def __call__(self, *words: str, code: int = 0, typed: str | None = None) -> Said:
        """Run `kiq-trio` with *words*; it must end with *code*."""
        done = CliRunner().invoke(app, words, input=typed, env=self.variables)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        said = Said(done.exit_code, done.stdout, done.stderr)
        assert said.code == code, said
        return said

    def json(self, *words: str, code: int = 0) -> Any:
        """Run it for a program; return what the one line says."""
        said = self(*words, "--json", code=code)
        [line] = (said.out or said.err).splitlines()
        return json.loads(line)

    def do(self, deed: Callable[[Redis], Awaitable[T]]) -> T:
        """Do something to the Redis."""

        async def connected() -> T:
            async with open_redis(self.server, scripts=SCRIPTS) as redis:
                return await deed(redis)

        return trio.run(connected)

    def raw(self, *command: Any) -> Any:
        """Run one command of Redis."""
        return self.do(lambda redis: redis.raw(*command))
