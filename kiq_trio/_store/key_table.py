"""Every key we touch: its name, its Redis type, what it means, and who may delete it.

`KEYS` is the one table; the documentation and a user's rights are made from it.
Capitals in a pattern stand for what varies.
"""

import re
from typing import NamedTuple

from kiq_trio._store.keys import (
    BACKUPS,
    DEAD,
    DEAR_LEADER,
    GRAVES,
    LEADER,
    ORDERS,
    PAUSED,
    PAUSED_PERIODICS,
    PERIODICS,
    PROCESSES,
    PROFILES,
    PRUNED,
    QUEUES,
    REGISTRATIONS,
    RETRY,
    SCHEDULE,
    SHOWN,
    TERM,
    TICKS,
)


class Key(NamedTuple):
    """One row of the table of keys.

    Attributes:
        pattern: its name.
        redis_type: what Redis calls it.
        meaning: what it holds.
        deleted: what follows if somebody deletes it while processes run.
        is_read_only: we look at it, and leave it to others to write it.
    """

    pattern: str
    redis_type: str
    meaning: str
    deleted: str
    is_read_only: bool = False

    @property
    def glob(self) -> str:
        """The pattern as Redis' ACL wants it: `kiq:backup|ID` is `kiq:backup|*`.

        An id is a host, a process and a nonce, in Ruby as here (wire.md §4.1); where
        it begins the name, that much must be said, lest it be every key there is.
        """
        pattern = re.sub(r"^ID", "*:*:*", self.pattern)
        return re.sub(r"[A-Z]+", "*", pattern)

    @property
    def rule(self) -> str:
        """The right to it, as Redis' ACL wants it."""
        return f"{'%R' if self.is_read_only else ''}~{self.glob}"


_NOT_DRAWN = "Sidekiq's UI does not draw it"

KEYS = (
    # Sidekiq's, byte for byte.
    Key(
        QUEUES,
        "set",
        "names of all queues; a name stays when its queue empties",
        "a queue is not listed or cleared until its next job comes; its jobs run",
    ),
    Key(
        "queue:NAME",
        "list",
        "waiting jobs: pushed on the left, taken from the right",
        "its jobs are lost; their locks stay until they expire",
    ),
    Key(
        PAUSED,
        "set",
        "names of queues from which nothing is taken",
        "every queue goes on",
    ),
    Key(
        SCHEDULE,
        "zset",
        "jobs for later, by the time they are due",
        "its jobs are lost; their locks stay until they expire",
    ),
    Key(
        RETRY,
        "zset",
        "jobs that failed, by the time of their next attempt",
        "its jobs are lost; their locks stay until they expire",
    ),
    Key(
        DEAD,
        "zset",
        "jobs that were given up, by the time of their death",
        "nobody can have them run again",
    ),
    Key(
        "stat:processed",
        "string",
        "how many jobs ran, failed ones included",
        "counting begins anew",
    ),
    Key(
        "stat:processed:DAY",
        "string",
        "the same for one day of UTC, five years",
        "counting begins anew",
    ),
    Key("stat:failed", "string", "how many of them failed", "counting begins anew"),
    Key(
        "stat:failed:DAY",
        "string",
        "the same for one day of UTC, five years",
        "counting begins anew",
    ),
    Key(
        SHOWN,
        "set",
        "ids of processes to show; not used to tell who is alive",
        "comes back with the next heartbeat",
    ),
    Key(
        "ID",
        "hash",
        "what is shown of a process, for 60 s",
        "comes back with the next heartbeat",
    ),
    Key(
        "ID:work",
        "hash",
        "what is shown of its running jobs, for 60 s",
        "comes back with the next heartbeat",
    ),
    Key(
        "ID-signals",
        "list",
        "TSTP, TERM or TTIN for a process, for 60 s",
        "what was not heard yet is not obeyed",
    ),
    Key(
        "ID:workers",
        "hash",
        "the same for Sidekiq up to 6.4.1",
        "comes back with the next heartbeat",
    ),
    Key(
        PRUNED,
        "string",
        "that dead members of `processes` were looked for, for 60 s",
        "they are looked for at once",
    ),
    Key(
        "j|YYMMDD|H:MM",
        "hash",
        "runs of a minute by class, for 8 h (Sidekiq 8)",
        _NOT_DRAWN,
    ),
    Key(
        "j|YYMMDD|H:M",
        "hash",
        "the same of ten minutes, for 72 h (Sidekiq 8)",
        _NOT_DRAWN,
    ),
    Key(
        "j|YYYYMMDD|H:M",
        "hash",
        "runs of a minute by class, for 8 h (Sidekiq 7)",
        _NOT_DRAWN,
    ),
    Key(
        "h|CLASS-D-H:M",
        "string",
        "how long the runs of a minute took, for 8 h (Sidekiq 8)",
        _NOT_DRAWN,
    ),
    Key(
        "CLASS-DD-HH:M",
        "string",
        "the same (Sidekiq 7)",
        _NOT_DRAWN,
    ),
    Key(
        "YYYYMMDD-marks",
        "hash",
        "deploys of a day by the minute, for 90 days",
        _NOT_DRAWN,
    ),
    Key(
        "deploylock-LABEL",
        "string",
        "that a deploy was marked, for 60 s",
        "it may be marked again, in a later minute",
    ),
    Key(
        "it-JID",
        "hash",
        "how far an iterable job of Ruby's has come; we cancel it there",
        "it begins anew, or is not cancelled",
    ),
    Key(
        PROFILES,
        "zset",
        "names of profiles that Ruby's processes took, by when they end; only read",
        "its profiles are not listed",
        is_read_only=True,
    ),
    Key(
        "TOKEN-JID",
        "hash",
        "a profile of a job of Ruby's, for a day; only read",
        "there is one profile less",
        is_read_only=True,
    ),
    Key(
        DEAR_LEADER,
        "string",
        "id of the leader: Enterprise's, and ours only if we are told to",
        "comes back with the next renewal",
    ),
    # Ours.
    Key(
        PROCESSES,
        "hash",
        "id to beat counter: who may hold jobs",
        "never: every process takes itself for buried and cancels its jobs, which "
        "run again",
    ),
    Key(
        REGISTRATIONS,
        "string",
        "grows with every registration, from a start of chance: so a late one is "
        "known, and whoever is gone knows whether Redis has lost its data",
        "never: who is buried later does not know it, and runs on beside whoever "
        "was given its jobs",
    ),
    Key(
        BACKUPS,
        "set",
        "ids whose backup may exist, dead or alive",
        "it is put right by the next sweep, in 10 minutes; until then jobs of the "
        "dead may wait",
    ),
    Key(
        "kiq:backup|ID",
        "hash",
        "delivery id to queue, newline, raw payload",
        "never: its running jobs end as ever, but are not retried, and are lost if "
        "their process dies",
    ),
    Key(
        "kiq:calls|ID",
        "hash",
        "producer to the number of its last fetch; and what is suspected",
        "never: a late copy of a fetch takes jobs that nobody hears of",
    ),
    Key(
        GRAVES,
        "set",
        "ids that are buried and still to be drained",
        "they are found again as orphans, in less than a minute",
    ),
    Key(
        "kiq:flush|LANE",
        "string",
        "number of the lane's last batch, for a day",
        "a batch whose reply was lost just then is stored twice",
    ),
    Key(
        "kiq:unique:TOKEN",
        "string",
        "a lock: the jid that owns it, until it expires",
        "an equal job can be enqueued at once",
    ),
    Key(
        "kiq:dump|TOKEN|ID",
        "string",
        "what a process answers to who asks what its tasks are doing, for 60 s",
        "who asked gets no answer",
    ),
    Key(
        TICKS,
        "hash",
        "name of a periodic job to its last tick, in epoch seconds",
        "ticks go on from now; what was missed or just due is not made up for",
    ),
    Key(
        PERIODICS,
        "hash",
        "name of a periodic job to what it is, in JSON",
        "the list is empty until the next process starts; ticks go on",
    ),
    Key(
        PAUSED_PERIODICS,
        "set",
        "names of periodic jobs that are enqueued no more",
        "all go on",
    ),
    Key(
        LEADER,
        "string",
        "id of who holds the lead, until it expires; a hint",
        "another may lead while the old leader believes it does, for 10 s",
    ),
    Key(
        ORDERS,
        "stream",
        "what all processes are asked to do, about a thousand",
        "what was not heard yet is not obeyed",
    ),
    Key(
        TERM,
        "string",
        "of the lead: it grows whenever the lead changes hands",
        "comes back with the next lead, above what any running process has heard of",
    ),
)
