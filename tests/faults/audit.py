"""The auditor: where every job is, by looking at everything and trusting no counter.

It shares no code with what it judges: it knows the keys from the documentation.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeAlias

import attrs
import redis

from tests.faults.effects import History

Client: TypeAlias = "redis.Redis"
"""One that decodes: `decode_responses=True`."""

ID = r"[^|]+:\d+:[0-9a-f]{24}"
"""The name of a process: host, pid, nonce."""

HOLDERS = re.compile(
    rf"queue:(?P<queue>.+)|(?P<set>schedule|retry|dead)"
    rf"|kiq:backup\|(?P<owner>{ID})"
)
OTHERS = re.compile(
    rf"queues|paused|processes|process_cleanup|{ID}|{ID}:work|{ID}-signals"
    rf"|stat:(processed|failed)(:\d{{4}}-\d\d-\d\d)?"
    rf"|j\|\d{{6}}\|\d+:\d+|h\|.+-\d+-\d+:\d+"
    rf"|kiq:(processes|backups|graves|registrations|leader|term|orders)"
    rf"|kiq:calls\|{ID}|kiq:flush\|[0-9a-f]{{24}}:(queue:.+|schedule)"
)


@attrs.frozen
class Place:
    """Where a job was found.

    Attributes:
        kind: queue, schedule, retry, dead or held.
        key: the key.
        payload: the job, as it lies there.
    """

    kind: str
    key: str
    payload: dict[str, Any]


@attrs.define
class World:
    """Everything that Redis holds.

    Attributes:
        keys: all of them.
        unknown: those that nobody should have made.
        places: where each jid is.
        registered: the processes that may hold jobs.
    """

    keys: set[str] = attrs.field(factory=set)
    unknown: set[str] = attrs.field(factory=set)
    places: dict[str, list[Place]] = attrs.field(factory=lambda: defaultdict(list))
    registered: set[str] = attrs.field(factory=set)

    @classmethod
    def read(cls, client: Client) -> "World":
        """Read all keys; while nobody writes, if it is to be one moment."""
        world = cls()
        world.registered = set(map(str, client.hkeys("kiq:processes")))
        for key in client.keys("*"):
            world.read_key(client, str(key))
        return world

    def read_key(self, client: Client, key: str) -> None:
        """Read one key more."""
        self.keys.add(key)
        holder = HOLDERS.fullmatch(key)
        if holder is not None:
            kind = holder["set"] or ("queue" if holder["queue"] else "held")
            for payload in _payloads(client, key):
                job = json.loads(payload)
                self.places[job["jid"]].append(Place(kind, key, job))
        elif not OTHERS.fullmatch(key):
            self.unknown.add(key)

    def jids(self, kind: str) -> set[str]:
        """Return the jobs that are in places of that kind."""
        return {
            jid
            for jid, places in self.places.items()
            if any(place.kind == kind for place in places)
        }

    def owner_lives(self, place: Place, pids: Collection[int]) -> bool:
        """Whether a job that is held is held by a process that lives."""
        identity = place.key.partition("|")[2]
        return identity in self.registered and int(identity.split(":")[-2]) in pids


@attrs.frozen
class Verdict:
    """What became of the jobs that somebody was told are stored.

    Attributes:
        where: how many ended where: done, dead, retry, schedule, queue or held.
        lost: those that ended nowhere.
        doubled: those that ended in more than one place.
        abandoned: those that are held by nobody who lives.
        unknown_keys: keys that nobody should have made.
        history: all runs.
    """

    where: Counter[str]
    lost: list[str]
    doubled: list[str]
    abandoned: list[str]
    unknown_keys: set[str]
    history: History

    def assert_sound(self) -> None:
        """Each job is in exactly one place, and nothing is there unexplained."""
        assert not self.lost, f"{len(self.lost)} lost, such as {self.lost[:5]}"
        assert not self.doubled, f"in two places: {self.doubled[:5]}"
        assert not self.abandoned, f"held by the dead: {self.abandoned[:5]}"
        assert not self.unknown_keys

    def __str__(self) -> str:
        where = ", ".join(f"{count} {name}" for name, count in self.where.items())
        return (
            f"{where}; {len(self.lost)} lost, {len(self.doubled)} doubled, "
            f"{self.history.extra} extra runs, at most {self.history.most} of one job"
        )


def audit(
    world: World,
    history: History,
    acknowledged: Collection[str],
    *,
    living: Collection[int] = (),
) -> Verdict:
    """Judge what became of *acknowledged*; the processes *living* may hold jobs."""
    where: Counter[str] = Counter()
    lost, abandoned = [], []
    for jid in acknowledged:
        places = world.places.get(jid, [])
        for place in places:
            where[place.kind] += 1
            if place.kind == "held" and not world.owner_lives(place, living):
                abandoned.append(jid)
        if not places:
            if history.ended[jid]:
                where["done"] += 1
            else:
                lost.append(jid)
    # Also of jobs whose enqueuer was not told: they are there once, or not at all.
    doubled = [jid for jid, places in world.places.items() if len(places) > 1]
    return Verdict(where, lost, doubled, abandoned, world.unknown, history)


def _payloads(client: Client, key: str) -> Iterator[str]:
    readers: dict[str, Callable[[], Any]] = {
        "list": lambda: client.lrange(key, 0, -1),
        "zset": lambda: client.zrange(key, 0, -1),
        "hash": lambda: [str(raw).partition("\n")[2] for raw in client.hvals(key)],
        # Gone between the two commands.
        "none": list,
    }
    yield from readers[str(client.type(key))]()
