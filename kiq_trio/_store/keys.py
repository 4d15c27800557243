"""Every key we touch: its name, its Redis type and what it means.

`KEYS` is the one table; the documentation is made from it. Capitals in a pattern
stand for what varies.
"""

import re
from typing import NamedTuple


class Key(NamedTuple):
    """One row of the table of keys."""

    pattern: str
    redis_type: str
    meaning: str

    @property
    def glob(self) -> str:
        """The pattern as Redis' ACL wants it: `kiq:backup|ID` is `kiq:backup|*`.

        An id is a host, a process and a nonce, in Ruby as here (wire.md §4.1); where
        it begins the name, that much must be said, lest it be every key there is.
        """
        pattern = re.sub(r"^ID", "*:*:*", self.pattern)
        return re.sub(r"[A-Z]+", "*", pattern)


QUEUES = "queues"
PAUSED = "paused"
SCHEDULE = "schedule"
RETRY = "retry"
DEAD = "dead"
SHOWN = "processes"
PROCESSES = "kiq:processes"
REGISTRATIONS = "kiq:registrations"
BACKUPS = "kiq:backups"
GRAVES = "kiq:graves"
TICKS = "kiq:ticks"
PERIODICS = "kiq:periodics"
PAUSED_PERIODICS = "kiq:paused"
LEADER = "kiq:leader"
TERM = "kiq:term"
ORDERS = "kiq:orders"

KEYS = (
    # Sidekiq's, byte for byte.
    Key(QUEUES, "set", "names of all queues; a name stays when its queue empties"),
    Key("queue:NAME", "list", "waiting jobs: pushed on the left, taken from the right"),
    Key(PAUSED, "set", "names of queues from which nothing is taken"),
    Key(SCHEDULE, "zset", "jobs for later, by the time they are due"),
    Key(RETRY, "zset", "jobs that failed, by the time of their next attempt"),
    Key(DEAD, "zset", "jobs that were given up, by the time of their death"),
    Key("stat:processed", "string", "how many jobs ran, failed ones included"),
    Key("stat:processed:DAY", "string", "the same for one day of UTC, five years"),
    Key("stat:failed", "string", "how many of them failed"),
    Key("stat:failed:DAY", "string", "the same for one day of UTC, five years"),
    Key(SHOWN, "set", "ids of processes to show; not used to tell who is alive"),
    Key("ID", "hash", "what is shown of a process, for 60 s"),
    Key("ID:work", "hash", "what is shown of its running jobs, for 60 s"),
    Key("ID-signals", "list", "TSTP, TERM or TTIN for a process, for 60 s"),
    # Ours.
    Key(PROCESSES, "hash", "id to beat counter: who may hold jobs"),
    Key(
        REGISTRATIONS,
        "string",
        "grows with every registration, from a start of chance: so a late one is "
        "known, and whoever is gone knows whether Redis has lost its data",
    ),
    Key(BACKUPS, "set", "ids whose backup may exist, dead or alive"),
    Key("kiq:backup|ID", "hash", "delivery id to queue, newline, raw payload"),
    Key("kiq:calls|ID", "hash", "producer to the number of its last fetch"),
    Key(GRAVES, "set", "ids that are buried and still to be drained"),
    Key("kiq:flush|LANE", "string", "number of the lane's last batch, for a day"),
    Key("kiq:unique:TOKEN", "string", "a lock: the jid that owns it, until it expires"),
    Key(
        "kiq:dump|TOKEN|ID",
        "string",
        "what a process answers to who asks what its tasks are doing, for 60 s",
    ),
    Key(TICKS, "hash", "name of a periodic job to its last tick, in epoch seconds"),
    Key(PERIODICS, "hash", "name of a periodic job to what it is, in JSON"),
    Key(PAUSED_PERIODICS, "set", "names of periodic jobs that are enqueued no more"),
    Key(LEADER, "string", "id of who holds the lead, until it expires; a hint"),
    Key(ORDERS, "stream", "what all processes are asked to do, about a thousand"),
    Key(TERM, "string", "of the lead: it grows whenever the lead changes hands"),
)


def queue_key(name: str) -> str:
    """Return the list of a queue's waiting jobs."""
    return f"queue:{name}"


def backup_key(identity: str) -> str:
    """Return the hash of the jobs that a process holds."""
    return f"kiq:backup|{identity}"


def calls_key(identity: str) -> str:
    """Return the hash of the numbers of a process's fetches."""
    return f"kiq:calls|{identity}"


def flush_key(lane: str) -> str:
    """Return the memory of a lane's last batch."""
    return f"kiq:flush|{lane}"


def unique_key(token: str) -> str:
    """Return the lock of a unique job."""
    return f"kiq:unique:{token}"


def dump_key(token: str, identity: str) -> str:
    """Return the answer of a process to who asks, by the name of *token*."""
    return f"kiq:dump|{token}|{identity}"


def work_key(identity: str) -> str:
    """Return the hash in which a process shows its running jobs."""
    return f"{identity}:work"


def signals_key(identity: str) -> str:
    """Return the list in which a process finds its signals."""
    return f"{identity}-signals"


def stat_key(name: str, day: str | None = None) -> str:
    """Return a counter of jobs, `processed` or `failed`, in all or of one day."""
    return f"stat:{name}" if day is None else f"stat:{name}:{day}"
