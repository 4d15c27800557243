"""`kiq-trio` as a process of its own, and a test's way to talk with its jobs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

HERE = Path(__file__).parent
LONG = 20.0


@contextmanager
def started(
    *arguments: str, url: str = "memory://", cwd: Path = HERE
) -> Iterator["subprocess.Popen[str]"]:
    """Run `kiq-trio` with *arguments* for the length of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "kiq_trio", *arguments],
        cwd=cwd,
        env={**os.environ, "REDIS_URL": url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: str, cwd: Path = HERE) -> tuple[int, str]:
    """Return how `kiq-trio` ended with *arguments*, and what it said."""
    with started(*arguments, cwd=cwd) as process:
        said, _ = process.communicate(timeout=60)
    return process.returncode, said


class Talk:
    """What a test and its jobs tell each other through Redis."""

    def __init__(self, client: "redis.Redis") -> None:
        self.client: Any = client

    def enqueue(self, job_class: str, name: str, *, queue: str = "default") -> None:
        payload = {
            "class": job_class,
            "args": [name],
            "queue": queue,
            "jid": f"jid-of-{name}",
            "retry": True,
        }
        self.client.sadd("queues", queue)
        self.client.lpush(f"queue:{queue}", json.dumps(payload))

    def release(self, name: str) -> None:
        self.client.rpush(f"release {name}", "now")

    def hear(self) -> str:
        """Return the next thing a job says, waiting for it."""
        heard = self.client.blpop(["heard"], timeout=LONG)
        assert heard is not None, "no job says anything"
        return str(heard[1].decode())

    def is_quiet(self) -> bool:
        """Whether the one process there is takes no more jobs."""
        [identity] = self.client.smembers("processes")
        return bool(self.client.hget(identity, "quiet") == b"true")

    def pids(self) -> set[int]:
        """Return the processes that are registered."""
        return {int(one.split(b":")[-2]) for one in self.client.hkeys("kiq:processes")}

    def quiet(self) -> int:
        """Return how many processes take no more jobs."""
        shown = self.client.smembers("processes")
        return [self.client.hget(one, "quiet") for one in shown].count(b"true")

    def waiting(self, queue: str = "default") -> list[str]:
        """Return the names of the jobs in a queue, oldest first."""
        payloads = self.client.lrange(f"queue:{queue}", 0, -1)
        return [json.loads(payload)["args"][0] for payload in reversed(payloads)]

    def held(self) -> list[str]:
        """Return the names of the jobs that anybody holds."""
        keys = self.client.keys("kiq:backup|*")
        values = [value for key in keys for value in self.client.hvals(key)]
        return [json.loads(value.partition(b"\n")[2])["args"][0] for value in values]


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return once *is_so*; for what another process shows but does not tell."""
    deadline = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < deadline, "it is not so"
        time.sleep(0.01)
