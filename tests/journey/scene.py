"""Where payloads are made: a process, and what others have left in its Redis."""

import json
from collections.abc import Callable
from typing import Any

import attrs

from kiq_trio import Kiq
from tests.conftest import EPOCH
from tests.journey.conftest import Recorder


@attrs.frozen
class Scene:
    """Where a deed is done.

    Attributes:
        kiq: whose paths are shown.
        recorder: hears of its jobs.
        other: makes another one beside it, on the same Redis.
    """

    kiq: Kiq
    recorder: Recorder
    other: Callable[..., Kiq]

    async def push(self, **fields: Any) -> None:
        """Put a job into its queue as others do."""
        await self.push_raw(self.spell(**fields))

    async def push_raw(self, text: str) -> None:
        await self.kiq.redis.raw("LPUSH", "queue:default", text)

    async def wait_in(self, place: str, at: float, **fields: Any) -> None:
        """Put a job into a sorted set as others do."""
        await self.kiq.redis.raw("ZADD", place, at, self.spell(**fields))

    async def hold(self, payload: str, queue: str = "default") -> None:
        """Have a dead process hold *payload*, and suspect it."""
        held = f"{queue}\n{payload}" if queue else payload
        await self.kiq.redis.raw("HSET", "kiq:calls|gone", "\nsuspect", "x.1.0")
        await self.kiq.redis.raw("HSET", "kiq:backup|gone", "x.1.0", held)
        await self.kiq.redis.raw("SADD", "kiq:graves", "gone")

    def spell(self, **fields: Any) -> str:
        """Return a payload as others write it."""
        written = self.kiq.config.write_time(EPOCH - 5)
        whole = {"queue": "default", "args": [], **fields, "enqueued_at": written}
        return json.dumps(whole, separators=(",", ":"))
