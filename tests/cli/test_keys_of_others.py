"""What Pro, Enterprise, gems and Sidekiq itself keep beside the jobs stays as it is."""

import pytest

from tests.cli.administration import Admin
from tests.store.chores import lie_in, payload, wait_in

WRITTEN = {
    # Pro (wire.md §7.1, §7.3, §7.4).
    "queue:sq|host:1:a|default": ("LPUSH", "{}"),
    "super_processes": ("SADD", "host:1:a"),
    "b-vTF1-9QvLPnREQ": ("HSET", "created_at", "1"),
    "b-vTF1-9QvLPnREQ-jids": ("SADD", "jid"),
    "batch-died": ("SADD", "vTF1-9QvLPnREQ"),
    # Enterprise (§7.5 to §7.8).
    "unique:abc": ("SET", "jid"),
    "lmtr-c-name": ("SET", "1"),
    "periodic": ("SADD", "lid"),
    "loops:lid": ("HSET", "klass", "A"),
    "dear-leader": ("SET", "host:1:a"),
    # Gems (§7.10).
    "cron_jobs:default": ("SADD", "cron_job:default:x"),
    "cron_job:default:x": ("HSET", "name", "x"),
    "uniquejobs:digests": ("ZADD", "1", "digest"),
    "BID-abc": ("HSET", "total", "1"),
    # Sidekiq itself, but no jobs (§3, §5, §6).
    "stat:processed": ("SET", "1"),
    "j|251122|3:3": ("HSET", "A|p", "1"),
    "20251122-marks": ("HSET", "2025-11-22T03:03:00Z", "v1"),
    "it-jid": ("HSET", "ex", "1"),
    "profiles": ("ZADD", "1", "token-jid"),
}
READS = {
    b"hash": ("HGETALL",),
    b"list": ("LRANGE", 0, -1),
    b"set": ("SMEMBERS",),
    b"string": ("GET",),
    b"zset": ("ZRANGE", 0, -1, "WITHSCORES"),
}


def read_keys(admin: Admin) -> dict[str, object]:
    """Return what is under every key of theirs that is there."""
    found: dict[str, object] = {}
    for key in WRITTEN:
        kind = admin.raw("TYPE", key)
        if kind in READS:
            command, *rest = READS[kind]
            found[key] = admin.raw(command, key, *rest)
    return found


@pytest.mark.parametrize(
    "words",
    [
        ("clear",),
        ("queues", "clear", "default"),
        ("queues", "delete", "default"),
        ("retry", "delete", "--all"),
        ("dead", "clear"),
    ],
)
def test_whatever_is_thrown_away_it_is_none_of_theirs(
    admin: Admin, words: tuple[str, ...]
) -> None:
    for key, (command, *rest) in WRITTEN.items():
        admin.raw(command, key, *rest)
    admin.do(lambda redis: wait_in(redis, "default", payload("a")))
    admin.do(lambda redis: lie_in(redis, "retry", payload("b")))
    admin.do(lambda redis: lie_in(redis, "dead", payload("c")))
    before = read_keys(admin)

    admin(*words, "--yes")

    assert set(before) == set(WRITTEN)
    assert read_keys(admin) == before
