"""Puts very many jobs into Redis at once, and watches them go."""

import redis
import trio

from bench.loads import PADDING

_EACH = 50_000
_HIDDEN = "bench:stock"
_GLANCE = 0.005

# Jids only have to differ; but a run of 19 digits, which chance makes of one in
# thousands, would have every job decoded with care. Times are those of jobs that were
# made long ago.
_MAKE = """
local payloads = {}
for n = 1, tonumber(ARGV[2]) do
  local jid = string.format('decade%018x', tonumber(ARGV[1]) + n)
  payloads[n] = '{"class":"noop","args":[' .. n .. ',"' .. ARGV[3]
    .. '"],"queue":"default","retry":true,"jid":"' .. jid
    .. '","created_at":1700000000000,"enqueued_at":1700000000000}'
end
"""
_PUSH = (
    _MAKE
    + """
for n = 1, #payloads do redis.call('LPUSH', KEYS[1], payloads[n]) end
"""
)
_ADD = (
    _MAKE
    + """
local due = tonumber(redis.call('TIME')[1]) + 86400
for n = 1, #payloads do redis.call('ZADD', KEYS[1], due + n, payloads[n]) end
"""
)


class Stock:
    """Jobs made by Redis itself, which takes seconds for a million."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url)

    def queue(self, count: int) -> None:
        """Let *count* no-op jobs wait in the queue, all of them at one moment."""
        self._make(_PUSH, _HIDDEN, count)
        self._redis.rename(_HIDDEN, "queue:default")

    def later(self, key: str, count: int) -> None:
        """Let *count* jobs wait for tomorrow in `schedule` or `retry`."""
        self._make(_ADD, key, count)

    async def wait_empty(self) -> None:
        """Wait until the queue is empty and nobody holds any job."""
        # Nobody can tell us: they are other processes.
        while self._redis.llen("queue:default") or self._held():  # noqa: ASYNC110
            await trio.sleep(_GLANCE)

    def waiting(self, key: str) -> int:
        """Return how many jobs are in a sorted set."""
        return int(self._redis.zcard(key))

    def beats(self) -> tuple[object, object]:
        """Return what the process's thread and its loop last told; see `due`."""
        shown = self._redis.smembers("processes")
        return (
            self._redis.hvals("kiq:processes"),
            [self._redis.hget(name, "beat") for name in shown],
        )

    def _held(self) -> int:
        keys = self._redis.keys("kiq:backup|*")
        return sum(int(self._redis.hlen(key)) for key in keys)

    def _make(self, script: str, key: str, count: int) -> None:
        for start in range(0, count, _EACH):
            some = min(_EACH, count - start)
            self._redis.eval(script, 1, key, start, some, PADDING)
