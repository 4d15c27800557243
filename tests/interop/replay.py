"""Where jobs were and when they left, by the log of all writes of a Redis.

A script's writes, and a transaction's, stand in the log between MULTI and EXEC.
"""

import json
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import attrs

Command: TypeAlias = Sequence[str]


def read_log(folder: Path) -> Iterator[list[Command]]:
    """Return what was written, in order; what happened at one moment together."""
    moment: list[Command] | None = None
    for path in sorted(folder.glob("appendonlydir/*.incr.aof")):
        for command in _read_commands(path.read_bytes()):
            name = command[0].upper()
            if name == "MULTI":
                moment = []
            elif name == "EXEC":
                yield moment or []
                moment = None
            elif moment is not None:
                moment.append(command)
            else:
                yield [command]


def _read_commands(log: bytes) -> Iterator[Command]:
    lines, at = memoryview(log), 0

    def number() -> int:
        nonlocal at
        end = log.index(b"\r\n", at)
        found, at = int(bytes(lines[at + 1 : end])), end + 2
        return found

    def word() -> str:
        nonlocal at
        size = number()
        found, at = bytes(lines[at : at + size]).decode(), at + size + 2
        return found

    while at < len(log):
        yield [word() for _ in range(number())]


@attrs.define
class Replay:
    """All places of jobs, as they were after what was applied so far.

    Attributes:
        lists: payloads in queues, the next to be taken on the right.
        sets: payloads in sorted sets.
        backups: payloads in our backups, by delivery.
        places: in how many places each jid is.
        left: for each jid that is nowhere, what was written when it left.
    """

    lists: dict[str, deque[str]] = attrs.field(factory=lambda: defaultdict(deque))
    sets: dict[str, set[str]] = attrs.field(factory=lambda: defaultdict(set))
    backups: dict[str, dict[str, str]] = attrs.field(factory=lambda: defaultdict(dict))
    places: Counter[str] = attrs.field(factory=Counter)
    left: dict[str, list[Command]] = attrs.field(factory=dict)
    _gone: list[str] = attrs.field(factory=list)

    def apply(self, moment: list[Command]) -> None:
        """Do what was done at one moment."""
        for name, *words in moment:
            write = getattr(self, f"_{name.lower()}", None)
            if write is not None:
                write(*words)
        for jid in self._gone:
            if not self.places[jid]:
                self.left[jid] = moment
        self._gone.clear()

    @property
    def jids(self) -> set[str]:
        """Those that are somewhere."""
        return {jid for jid, count in self.places.items() if count}

    def _lpush(self, key: str, *payloads: str) -> None:
        for payload in self._come(key, payloads):
            self.lists[key].appendleft(payload)

    def _rpush(self, key: str, *payloads: str) -> None:
        self.lists[key].extend(self._come(key, payloads))

    def _rpop(self, key: str, count: str = "1") -> None:
        for _ in range(min(int(count), len(self.lists[key]))):
            self._go(self.lists[key].pop())

    def _ltrim(self, key: str, first: str, last: str) -> None:
        assert first == "0", "nobody takes from the left"
        self._rpop(key, str(-1 - int(last)))

    def _lmove(self, key: str, to: str, end: str, other: str) -> None:
        assert (key, end) == (to, other), "nobody does that but to wait"

    def _zadd(self, key: str, *words: str) -> None:
        present = self.sets[key]
        if words[0].upper() == "XX":
            assert present.intersection(words[2::2]), "else it is not written"
            return
        self._come(key, new := set(words[1::2]) - present)
        present |= new

    def _zrem(self, key: str, *payloads: str) -> None:
        for payload in payloads:
            if payload in self.sets[key]:
                self.sets[key].remove(payload)
                self._go(payload)

    def _hset(self, key: str, *words: str) -> None:
        if key.startswith("kiq:backup|"):
            for delivery, value in zip(words[::2], words[1::2], strict=True):
                payload = value.partition("\n")[2]
                self._come("queue:", [payload])
                self.backups[key][delivery] = payload

    def _hdel(self, key: str, *deliveries: str) -> None:
        for delivery in deliveries:
            if delivery in self.backups[key]:
                self._go(self.backups[key].pop(delivery))

    def _del(self, *keys: str) -> None:
        for key in keys:
            for delivery in list(self.backups[key]):
                self._hdel(key, delivery)

    _unlink = _del

    def _come(self, key: str, payloads: Collection[str]) -> Collection[str]:
        """Count *payloads*, if it is jobs that lie in *key*; return them then."""
        if not key.startswith("queue:") and key not in {"schedule", "retry", "dead"}:
            return ()
        for payload in payloads:
            self.places[json.loads(payload)["jid"]] += 1
        return payloads

    def _go(self, payload: str) -> None:
        jid = json.loads(payload)["jid"]
        self.places[jid] -= 1
        self._gone.append(jid)
