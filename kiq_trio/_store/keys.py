"""The names of all keys we touch; `key_table.py` says what they are."""

from datetime import datetime

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
PRUNED = "process_cleanup"
DEAR_LEADER = "dear-leader"
PROFILES = "profiles"


def queue_key(name: str) -> str:
    """Return the list of a queue's waiting jobs."""
    return f"queue:{name}"


def backup_key(identity: str) -> str:
    """Return the hash of the jobs that a process holds."""
    return f"kiq:backup|{identity}"


def calls_key(identity: str) -> str:
    """Return the hash of the numbers of a process's fetches, and of its suspect."""
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


def old_work_key(identity: str) -> str:
    """Return what that hash is called up to Sidekiq 6.4.1."""
    return f"{identity}:workers"


def signals_key(identity: str) -> str:
    """Return the list in which a process finds its signals."""
    return f"{identity}-signals"


def stat_key(name: str, day: str | None = None) -> str:
    """Return a counter of jobs, `processed` or `failed`, in all or of one day."""
    return f"stat:{name}" if day is None else f"stat:{name}:{day}"


def minute_key(moment: datetime) -> str:
    """Return the hash of the runs of a minute; without its last digit, of ten.

    The hour is not padded, the minute is (wire.md §5.1).
    """
    return f"j|{moment:%y%m%d}|{moment.hour}:{moment:%M}"


def old_minute_key(moment: datetime) -> str:
    """Return the hash of the runs of a minute for Sidekiq 7: nothing is padded."""
    return f"j|{moment:%Y%m%d}|{moment.hour}:{moment.minute}"


def histogram_key(job_class: str, moment: datetime) -> str:
    """Return how long the runs of a class took in a minute: nothing is padded."""
    return f"h|{job_class}-{moment.day}-{moment.hour}:{moment.minute}"


def old_histogram_key(job_class: str, moment: datetime) -> str:
    """Return the same for Sidekiq 7: day and hour are padded, the minute is not."""
    return f"{job_class}-{moment:%d-%H}:{moment.minute}"


def marks_key(moment: datetime) -> str:
    """Return the hash of the deploys of a day."""
    return f"{moment:%Y%m%d}-marks"


def deploy_lock_key(label: str) -> str:
    """Return what keeps a deploy from being marked twice."""
    return f"deploylock-{label}"


def iteration_key(jid: str) -> str:
    """Return the state of an iterable job."""
    return f"it-{jid}"
