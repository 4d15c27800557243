"""Every Redis command that the store sends, in a script or by itself.

A user of Redis (ACL) who may run jobs needs these, those of the connection, and the
keys of `key_table.py`: `acl_rules` puts them together.
"""

from kiq_trio._store.key_table import KEYS
from kiq_trio._store.keys import QUEUES, SCHEDULE

COMMANDS_OF_CONNECTIONS = (
    "AUTH",
    "CLIENT|ID",
    "CLIENT|SETNAME",
    "CLIENT|UNBLOCK",
    "HELLO",
    "INFO",
    "PING",
    "SCRIPT|LOAD",
    "SELECT",
)
"""Of ours, and of redis-py's, which beats and serves programs without Trio.

It would tell its version by `CLIENT SETINFO`, which Redis 7.0 does not know; where
that is refused, it goes on without.
"""

COMMANDS_OF_SCRIPTS = (
    "DEL",
    "EXPIRE",
    "GET",
    "HDEL",
    "HEXISTS",
    "HGET",
    "HINCRBY",
    "HLEN",
    "HMGET",
    "HSET",
    "INCRBY",
    "LLEN",
    "LPOS",
    "LPUSH",
    "LRANGE",
    "LREM",
    "LTRIM",
    "PEXPIRE",
    "PTTL",
    "RPUSH",
    "SADD",
    "SET",
    "SISMEMBER",
    "SREM",
    "TIME",
    "XADD",
    "ZADD",
    "ZCARD",
    "ZREM",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "ZSCORE",
)

COMMANDS = (
    "BITFIELD",
    "BLMOVE",
    "EVAL",
    "EVALSHA",
    "EXEC",
    "EXPIRE",
    "GET",
    "HDEL",
    "HGET",
    "HGETALL",
    "HINCRBY",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HSCAN",
    "HSET",
    "HSETNX",
    "INCRBY",
    "INFO",
    "LINDEX",
    "LLEN",
    "LPUSH",
    "LRANGE",
    "LREM",
    "MULTI",
    "PING",
    "PTTL",
    "RPOP",
    "SADD",
    "SCAN",
    "SCARD",
    "SET",
    "SMEMBERS",
    "SREM",
    "TIME",
    "TYPE",
    "UNLINK",
    "XRANGE",
    "XREAD",
    "ZCARD",
    "ZRANGE",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "ZSCAN",
)


def acl_rules() -> tuple[str, ...]:
    """Return what a user of Redis needs to do everything that kiq_trio does.

    But for what a program asks of `kiq.redis` by itself. The keys first, then the
    commands.
    """
    commands = {*COMMANDS_OF_CONNECTIONS, *COMMANDS_OF_SCRIPTS, *COMMANDS}
    return (
        *dict.fromkeys(key.rule for key in KEYS),
        *(f"+{command.lower()}" for command in sorted(commands)),
    )


COMMANDS_TO_ENQUEUE = ("EVAL", "EVALSHA", "LLEN", "LPUSH", "SADD", "SISMEMBER", "ZADD")
"""Those of the scripts that bring jobs in; others only where no job is."""

_PLACES = (QUEUES, SCHEDULE, "queue:NAME")
_MARKS = ("kiq:flush|LANE", "kiq:unique:TOKEN")


def enqueueing_rules() -> tuple[str, ...]:
    """Return what a user of Redis needs who only enqueues: a client, a `server=False`.

    With these it can put jobs in, and neither read one nor take it out. What is in
    parentheses is a right of its own: to these keys, and to no others.
    """
    commands = {*COMMANDS_OF_CONNECTIONS, *COMMANDS_TO_ENQUEUE}
    rules = {key.pattern: key.rule for key in KEYS}
    marks = [rules[pattern] for pattern in _MARKS]
    return (
        *(rules[pattern] for pattern in _PLACES),
        *marks,
        *(f"+{command.lower()}" for command in sorted(commands)),
        f"({' '.join(marks)} +del +get +set)",
    )
