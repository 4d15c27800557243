"""Everything that is in Redis, and what each step may do to it."""

from collections import Counter
from typing import Any

import attrs

from kiq_trio._wire.slot import Command
from tests.store.direct import DirectServer, script_of
from tests.store.locks import Locks, admitted, jid_of, read_locks

_BACKUP, _QUEUE = "kiq:backup|", "queue:"
_MAY_REMOVE_FROM_BACKUP = {"HDEL", "settle", "drain"}


@attrs.frozen
class Snapshot:
    """All keys, in words of the store."""

    queues: dict[str, list[bytes]]
    sets: dict[str, dict[bytes, float]]
    backups: dict[str, dict[str, bytes]]
    calls: set[str]
    known_queues: set[str]
    paused: set[str]
    processes: dict[str, int]
    backup_ids: set[str]
    graves: set[str]
    locks: Locks

    @property
    def dead(self) -> Counter[bytes]:
        """How often each jid is in the dead set."""
        return Counter(map(jid_of, self.sets["dead"]))

    @property
    def copies(self) -> Counter[bytes]:
        """In how many places each jid is."""
        found: Counter[bytes] = Counter()
        for waiting in self.queues.values():
            found.update(map(jid_of, waiting))
        for members in self.sets.values():
            found.update(map(jid_of, members))
        for held in self.backups.values():
            found.update(jid_of(payload) for payload in held.values())
        return found


def take_snapshot(server: DirectServer) -> Snapshot:
    def members(key: str) -> set[str]:
        return {member.decode() for member in server.do("SMEMBERS", key)}

    def fields(key: str) -> dict[str, bytes]:
        reply = server.do("HGETALL", key)
        return {field.decode(): value for field, value in reply.items()}

    names = [name.decode() for name in server.do("KEYS", "*")]
    return Snapshot(
        queues={
            name.removeprefix(_QUEUE): server.do("LRANGE", name, 0, -1)
            for name in names
            if name.startswith(_QUEUE)
        },
        sets={
            name: dict(server.do("ZRANGE", name, 0, -1, "WITHSCORES"))
            for name in ("schedule", "retry", "dead")
        },
        backups={
            name.removeprefix(_BACKUP): {
                field: raw.split(b"\n", 1)[1] for field, raw in fields(name).items()
            }
            for name in names
            if name.startswith(_BACKUP)
        },
        calls={n.partition("|")[2] for n in names if n.startswith("kiq:calls|")},
        known_queues=members("queues"),
        paused=members("paused"),
        processes={id_: int(n) for id_, n in fields("kiq:processes").items()},
        backup_ids=members("kiq:backups"),
        graves=members("kiq:graves"),
        locks=read_locks(server),
    )


def acked_by(settle: Command) -> set[Any]:
    """Return the delivery ids that a call of the script is to do away with."""
    arguments = settle[3 + int(settle[2]) :]
    rows = range(2, len(arguments), 7)
    return {arguments[n] for n in rows if arguments[n + 1] == "ack"}


@attrs.define
class Ledger:
    """What must be true after every command, and between it and the one before.

    When scripts are torn, a job may be in two places, and a grave beside a
    registration; nothing may be lost all the same.
    """

    is_torn: bool = False
    stored: set[bytes] = attrs.Factory(set)
    """Jids whose enqueue was answered."""
    acked: Counter[bytes] = attrs.Factory(Counter)
    batches: dict[Any, int] = attrs.Factory(dict)
    """The last batch of each lane that Redis has seen."""
    meant: dict[tuple[str, str], bytes] = attrs.Factory(dict)
    """What a process was given under a delivery id."""
    used: set[str] = attrs.Factory(set)
    """Ids under which something was fetched: each is for one life only."""
    departed: set[str] = attrs.Factory(set)

    def forget(self) -> None:
        """Redis has lost its data: nothing can be expected of it any more."""
        for what in (self.stored, self.batches, self.used, self.departed):
            what.clear()

    def check(
        self, command: Command, before: Snapshot, after: Snapshot, now: float
    ) -> None:
        script = script_of(command)
        name = script.name if script else str(command[0])
        expected = before.copies
        if name in {"enqueue", "schedule", "admit"}:
            expected.update(self._brought(name, command, before, now))
        if name in {"HDEL", "settle"}:
            expected.subtract(self._acked(name, command, before, after))
        self.check_copies(expected, before, after)
        self._check_moves(name, command, before, after, now)
        self._check_registry(name, command, before, after)
        self._check_locks(before, after, now)

    def check_torn(self, command: Command, before: Snapshot, after: Snapshot) -> None:
        script = script_of(command)
        if script is not None and script.name == "settle":
            self._acked(script.name, command, before, after)
        self.check_copies(before.copies, before, after)

    def check_copies(
        self, expected: Counter[bytes], before: Snapshot, after: Snapshot
    ) -> None:
        found = after.copies
        if not self.is_torn:
            assert found == +expected, f"copies: {found} instead of {+expected}"
        for jid in self.stored | set(before.copies):
            assert found[jid] or self.acked[jid], f"{jid!r} is lost"

    def _brought(
        self, name: str, command: Command, before: Snapshot, now: float
    ) -> list[bytes]:
        arguments = list(command[3 + int(command[2]) :])
        lane, number = command[3], int(arguments[0])
        if number <= self.batches.get(lane, 0):
            return []
        self.batches[lane] = number
        if name == "admit":
            length = len(before.queues.get(str(arguments[2]), ()))
            return admitted(command, before.locks, length, now)
        payloads = arguments[3:] if name == "enqueue" else arguments[3::2]
        return [jid_of(payload) for payload in payloads if isinstance(payload, bytes)]

    def _acked(
        self, name: str, command: Command, before: Snapshot, after: Snapshot
    ) -> Counter[bytes]:
        backup = command[1] if name == "HDEL" else command[3]
        identity = str(backup).removeprefix(_BACKUP)
        asked = set(command[2:]) if name == "HDEL" else acked_by(command)
        left = after.backups.get(identity, {})
        acked: Counter[bytes] = Counter()
        for delivery, payload in before.backups.get(identity, {}).items():
            if delivery not in left and delivery in asked:
                meant = self.meant.get((identity, delivery))
                assert payload == meant, f"{payload!r} deleted instead of {meant!r}"
                acked[jid_of(payload)] += 1
        self.acked += acked
        return acked

    def _check_moves(
        self, name: str, command: Command, before: Snapshot, after: Snapshot, now: float
    ) -> None:
        for identity in before.backups.keys() | after.backups.keys():
            old = before.backups.get(identity, {}).keys()
            new = after.backups.get(identity, {}).keys()
            assert new <= old or identity in before.processes, f"{identity} not ours"
            assert old <= new or name in _MAY_REMOVE_FROM_BACKUP
            if name == "drain" and identity in before.processes:
                assert old <= new, f"{identity} lives, and was drained"
        if name == "move" and "due" in command:
            for key in ("schedule", "retry"):
                for member, score in before.sets[key].items():
                    assert member in after.sets[key] or score <= now, "not due"
        if name == "fetch":
            for queue in before.paused:
                assert before.queues.get(queue) == after.queues.get(queue), "paused"
        assert after.queues.keys() <= after.known_queues or self.is_torn, "unlisted"

    def _check_locks(self, before: Snapshot, after: Snapshot, now: float) -> None:
        """A lock goes with its job, or with its time; another job takes a free one."""
        for token, lock in before.locks.items():
            left = after.locks.get(token)
            if lock.is_over(now) or (left and left.owner == lock.owner):
                continue
            assert left is None, f"{token} was taken from {lock.owner!r}"
            owner_is_alive = after.copies[lock.owner] > after.dead[lock.owner]
            assert self.is_torn or not owner_is_alive, f"{token} left {lock.owner!r}"

    def _check_registry(
        self, name: str, command: Command, before: Snapshot, after: Snapshot
    ) -> None:
        self.used |= after.calls
        self.departed |= self.used - after.processes.keys()
        assert not self.departed & after.processes.keys(), "an id came back"
        for identity in before.processes.keys() - after.processes.keys():
            if name == "bury":
                assert before.processes[identity] == command[-1], "buried alive"
        holding = after.backups.keys()
        assert holding <= after.backup_ids, f"{holding} unknown to kiq:backups"
        if self.is_torn:
            return
        assert holding <= after.processes.keys() | after.graves, f"{holding} orphaned"
        assert after.calls <= after.backup_ids, "calls left behind"
        assert not after.processes.keys() & after.graves, "a living grave"
        assert after.graves <= after.backup_ids, "a grave without a backup"
        assert after.processes.keys() <= after.backup_ids, "unknown to kiq:backups"
