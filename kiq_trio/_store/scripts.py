"""The Lua scripts, as the connection loads them."""

from importlib.resources import files

from kiq_trio._wire.script import Script

_FOLDER = files("kiq_trio._store") / "scripts"


def _load(name: str) -> Script:
    text = (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    return Script(name, text)


ADMIT = _load("admit")
BADGE = _load("badge")
BEAT = _load("beat")
BURY = _load("bury")
BURY_ORPHAN = _load("bury_orphan")
DELETE_QUEUE = _load("delete_queue")
DRAIN = _load("drain")
ENQUEUE = _load("enqueue")
FETCH = _load("fetch")
LEAD = _load("lead")
LEAVE = _load("leave")
MOVE = _load("move")
ORDER = _load("order")
REGISTER = _load("register")
RELEASE = _load("release")
REMOVE = _load("remove")
RESCHEDULE = _load("reschedule")
RESIGN = _load("resign")
SCHEDULE = _load("schedule")
SETTLE = _load("settle")
SUSPECT = _load("suspect")
TICK = _load("tick")

SCRIPTS = (
    ADMIT,
    BADGE,
    BEAT,
    BURY,
    BURY_ORPHAN,
    DELETE_QUEUE,
    DRAIN,
    ENQUEUE,
    FETCH,
    LEAD,
    LEAVE,
    MOVE,
    ORDER,
    REGISTER,
    RELEASE,
    REMOVE,
    RESCHEDULE,
    RESIGN,
    SCHEDULE,
    SETTLE,
    SUSPECT,
    TICK,
)
"""All of them, for `open_redis(scripts=...)`."""
