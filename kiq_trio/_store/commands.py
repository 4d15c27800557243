"""Every Redis command that the store sends, in a script or by itself.

A user of Redis (ACL) who may run jobs needs these, those of the connection, and the
keys of `key_table.py`: `acl_rules` puts them together.
"""

from kiq_trio._store.key_table import KEYS

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
