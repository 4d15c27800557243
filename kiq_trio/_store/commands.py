"""Every Redis command that the store sends, in a script or by itself.

The documentation and the access rules for Redis (ACL) are made from this table
and from that of `keys.py`.
"""

COMMANDS_OF_SCRIPTS = (
    "DEL",
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
    "LPUSH",
    "LRANGE",
    "LTRIM",
    "RPUSH",
    "SADD",
    "SET",
    "SISMEMBER",
    "SREM",
    "TIME",
    "ZADD",
    "ZCARD",
    "ZREM",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "ZSCORE",
)

COMMANDS = (
    "BLMOVE",
    "EVAL",
    "EVALSHA",
    "EXEC",
    "EXPIRE",
    "GET",
    "HDEL",
    "HGETALL",
    "HKEYS",
    "HLEN",
    "HSET",
    "INCRBY",
    "INFO",
    "LLEN",
    "MULTI",
    "RPOP",
    "SADD",
    "SMEMBERS",
    "SREM",
    "TIME",
    "UNLINK",
    "ZRANGE",
)
