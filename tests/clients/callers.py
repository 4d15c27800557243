"""Clients of either kind, called alike, and what is in their Redis afterwards."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import redis

from kiq_trio import Job
from kiq_trio.clients import AsyncioClient, SyncClient


class Caller(Protocol):
    """Calls a client and waits for what comes of it."""

    client: Any

    def enqueue(self, job: Job | Mapping[str, Any], **options: Any) -> Job: ...

    def enqueue_many(self, jobs: Iterable[Any], **options: Any) -> list[Job]: ...

    def find_lock_owner(self, job: Job | Mapping[str, Any]) -> str | None: ...

    def unlock(self, job: Job | Mapping[str, Any]) -> str | None: ...

    def close(self) -> None: ...


class AsyncioCaller:
    """Calls an `AsyncioClient` from outside of its loop."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.client = AsyncioClient(*args, **options)
        self._runner = asyncio.Runner()
        self.run = self._runner.run

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        return lambda *args, **options: self.run(method(*args, **options))

    def close(self) -> None:
        self.run(self.client.aclose())
        self._runner.close()


class SyncCaller:
    """Calls a `SyncClient`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.client = SyncClient(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def close(self) -> None:
        self.client.close()


CALLERS: dict[str, Any] = {"sync": SyncCaller, "asyncio": AsyncioCaller}


def waiting(store: redis.Redis, queue: str = "default") -> list[dict[str, Any]]:
    """Return the jobs that wait in a queue, oldest first."""
    payloads: Any = store.lrange(f"queue:{queue}", 0, -1)
    return [json.loads(payload) for payload in reversed(payloads)]


def args_in(store: redis.Redis, queue: str = "default") -> list[Any]:
    """Return the first argument of each waiting job, oldest first."""
    return [job["args"][0] for job in waiting(store, queue)]
