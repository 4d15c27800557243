"""The locks of unique jobs: what is there, and what a batch with terms must do."""

from typing import Any, TypeAlias

import attrs

from kiq_trio._store.keys import unique_key
from kiq_trio._wire.slot import Command
from kiq_trio.unique import Lock
from tests.store.direct import DirectServer

TOKENS = ("one", "two")


def jid_of(payload: bytes) -> bytes:
    """Our test payloads are a jid, `#`, and what makes them differ."""
    return payload.split(b"#")[0]


@attrs.frozen
class Held:
    """A lock in Redis."""

    owner: bytes
    expires_ms: int

    def is_over(self, now: float) -> bool:
        return self.expires_ms < round(now * 1000)


Locks: TypeAlias = dict[str, Held]


def read_locks(server: DirectServer) -> Locks:
    locks = {}
    for token in TOKENS:
        owner = server.do("GET", unique_key(token))
        if owner is not None:
            expires_ms = server.do("PEXPIRETIME", unique_key(token))
            locks[token] = Held(owner, expires_ms)
    return locks


def lock_for(payload: bytes) -> Lock | None:
    """A third of all jobs is unique, in the same way for ever."""
    jid = jid_of(payload)
    number = int(jid)
    if number % 3:
        return None
    return Lock(TOKENS[number // 3 % len(TOKENS)], jid.decode(), 20.0)


def admitted(command: Command, locks: Locks, length: int, now: float) -> list[bytes]:
    """What `admit` must store: its decisions, in other words."""
    count = int(command[2])
    keys: list[Any] = list(command[3 : 3 + count])
    arguments: list[Any] = list(command[3 + count :])
    owners = {
        unique_key(token): lock.owner.decode()
        for token, lock in locks.items()
        if not lock.is_over(now)
    }
    limit = arguments[3]
    stored = []
    for n in range(4, len(arguments), 5):
        jid, payload, _, place, _ = arguments[n : n + 5]
        key = keys[place - 1] if place else None
        is_duplicate = key in owners and owners[key] != jid
        if is_duplicate or (limit and length >= limit):
            continue
        if key:
            owners[key] = jid
        length += 1
        stored.append(jid_of(payload))
    return stored
