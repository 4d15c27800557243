"""The last net: backups that no set and no registry knows of."""

from kiq_trio._store.doubt import persist_one
from kiq_trio._store.keys import BACKUPS, GRAVES, PROCESSES, backup_key
from kiq_trio._store.replies import read_names
from kiq_trio._wire.client import Redis

_PAGE = 1_000


async def adopt_strays(redis: Redis) -> list[str]:
    """Make every backup known again whose owner's id was lost; return the ids.

    Nothing of ours loses one. A hand in Redis may, or a restore of half a backup;
    once its id is in `kiq:backups`, it is an orphan like others. The only place
    where all keys are looked through, page by page, so not to be done often.
    """
    prefix = backup_key("")
    found: set[str] = set()
    cursor = b"0"
    while True:
        command = ("SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", _PAGE)
        cursor, keys = await persist_one(redis, command)
        found.update(key.removeprefix(prefix) for key in read_names(keys))
        if cursor == b"0":
            break
    if not found:
        return []
    known = {
        *await persist_one(redis, ("SMEMBERS", BACKUPS)),
        *await persist_one(redis, ("SMEMBERS", GRAVES)),
        *await persist_one(redis, ("HKEYS", PROCESSES)),
    }
    strays = sorted(found.difference(read_names(known)))
    if strays:
        await persist_one(redis, ("SADD", BACKUPS, *strays))
    return strays
