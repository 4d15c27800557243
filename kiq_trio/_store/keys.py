"""The names of all keys we touch; `key_table.py` says what they are."""

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
