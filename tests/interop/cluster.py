"""A Redis that a real Sidekiq, its Web UI and we share."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.faults.effects import History
from tests.faults.waiting import wait_until
from tests.interop.browser import Browser
from tests.interop.console import Console
from tests.interop.program import Program
from tests.servers import RealServer, free_port

ROOT = Path(__file__).parents[2]
RUBY = Path(__file__).parent / "ruby"


def require_ruby() -> None:
    """Skip without the Sidekiq that these tests are about, but never in CI."""
    lack = find_lack()
    if lack:
        assert "CI" not in os.environ, lack
        pytest.skip(lack)


@cache
def find_lack() -> str:
    """Return what is missing; nothing if all is there."""
    probe = ["ruby", "-rsidekiq/web", "-rwebrick", "-e", "print Sidekiq::VERSION"]
    hint = "apt-get install --no-install-recommends ruby-sidekiq ruby-webrick"
    if any(shutil.which(name) is None for name in ("ruby", "sidekiq")):
        return f"no ruby or no sidekiq is on the PATH: {hint}"
    found = subprocess.run(probe, capture_output=True, text=True, check=False)
    if found.returncode:
        return f"Sidekiq's Web UI or webrick is missing: {hint}"
    if not found.stdout.startswith("6."):
        return f"Sidekiq is {found.stdout}, and these tests know 6 only: {hint}"
    return ""


class Cluster:
    """Starts what a test asks for, and stops it.

    Attributes:
        client: a client that depends on nobody's code.
        programs: all that were ever started.
    """

    def __init__(self, server: RealServer, folder: Path, stack: ExitStack) -> None:
        self.server = server
        self.programs: list[Program] = []
        self.client: redis.Redis = stack.enter_context(
            server.client(decode_responses=True)
        )
        self._folder = folder
        self._stack = stack

    @property
    def history(self) -> History:
        """All runs, of both sides."""
        return History.read([self._folder / "effects"])

    def sidekiq(self, *queues: str, wait: bool = True) -> Program:
        """Start a Sidekiq that works off *queues*, and *wait* until it is shown."""
        known = self._shown()
        command = ["sidekiq", "-r", str(RUBY / "jobs.rb"), "-e", "production"]
        command += ["-c", "5", "-t", "5"]
        for queue in queues or ("ruby",):
            command += ["-q", queue]
        program = self._start("sidekiq", command)
        if wait:
            self._wait_for(program, lambda: self._shown() - known)
        return program

    def ours(self, *, wait: bool = True, **options: Any) -> Program:
        """Start a `kiq-trio run`, and *wait* until it is shown."""
        known = self._shown()
        program = self._start(
            "ours",
            [sys.executable, "-m", "kiq_trio", "run", "tests.interop.workers"],
            INTEROP_OPTIONS=json.dumps({"sidekiq": 6, **options}),
        )
        if wait:
            self._wait_for(program, lambda: self._shown() - known)
        return program

    def console(self) -> Console:
        """Start a Ruby that has loaded Sidekiq's API."""
        command = ["ruby", RUBY / "console.rb"]
        return Console(self._start("console", command, talks=True))

    def browser(self) -> Browser:
        """Start a Web UI, and wait until it answers."""
        port = free_port()
        program = self._start("web", ["ruby", RUBY / "web.rb", str(port)])
        browser = Browser(f"http://127.0.0.1:{port}")
        self._wait_for(program, lambda: _answers(browser))
        return browser

    def identity(self, program: Program) -> str:
        """Return what *program* is called in Redis."""
        [name] = [one for one in self._shown() if f":{program.pid}:" in one]
        return name

    def push(self, payload: dict[str, Any]) -> None:
        """Put a job into its queue as it is, with nobody's client."""
        queue = payload["queue"]
        self.client.sadd("queues", queue)
        self.client.lpush(f"queue:{queue}", dump(payload))

    def _shown(self) -> set[str]:
        members: Any = self.client.smembers("processes")
        return {one for one in members if self.client.exists(one)}

    def _start(
        self, name: str, command: list[Any], *, talks: bool = False, **env: str
    ) -> Program:
        program = Program(
            f"{name}-{len(self.programs)}",
            command,
            folder=self._folder,
            talks=talks,
            env={
                "REDIS_URL": self.server.url,
                "INTEROP_EFFECTS": str(self._folder / "effects"),
                "PYTHONPATH": str(ROOT),
                **env,
            },
        )
        self.programs.append(self._stack.enter_context(program))
        return program

    def _wait_for(self, program: Program, fact: Any) -> None:
        def is_up() -> bool:
            assert program.is_running, f"{program.name} has ended:\n{program.log}"
            return bool(fact())

        wait_until(is_up)


def dump(payload: dict[str, Any]) -> str:
    """Return *payload* as Ruby writes it."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False)


def _answers(browser: Browser) -> bool:
    try:
        return browser.get("/stats").status == 200
    except OSError:
        return False
