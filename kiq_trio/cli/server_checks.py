"""Whether a server can be trusted with jobs: what a doctor looks at first."""

from collections.abc import Iterator

from kiq_trio.cli.diagnosis import Finding, Patient, bad, odd, well

_SLOW = 0.05
_SKEWED = 1.0
_BADLY_SKEWED = 60.0
_NEARLY_FULL = 0.8
_FULL = 0.95


def check_connection(patient: Patient) -> Iterator[Finding]:
    """A round trip is paid for each batch of jobs."""
    finding = f"answers a PING in {patient.latency * 1000:.1f} ms"
    if patient.latency > _SLOW:
        yield odd("connection", finding, "Move processes and Redis closer together.")
    else:
        yield well("connection", finding)


def check_server(patient: Patient) -> Iterator[Finding]:
    """A replica, or a cluster, cannot be written to as we must."""
    info = patient.facts.info
    role, replicas = info.get("role", "master"), info.get("connected_slaves", "0")
    if "valkey_version" in info:
        what = f"Valkey {info['valkey_version']}"
    else:
        what = f"Redis {info.get('redis_version', '?')}"
    if info.get("cluster_enabled") == "1":
        yield bad("server", f"{what}, a cluster", "Use a server that is no cluster.")
    elif role != "master":
        yield bad("server", f"{what}, a {role}", "Use the URL of the primary.")
    else:
        yield well("server", f"{what}, primary with {replicas} replicas")


def check_eviction(patient: Patient) -> Iterator[Finding]:
    """A queue is a key like any other, and can be evicted."""
    policy = patient.facts.info.get("maxmemory_policy", "noeviction")
    finding = f"maxmemory-policy is {policy}"
    if policy == "noeviction":
        yield well("eviction", finding)
    else:
        advice = "Set it to noeviction: this Redis deletes queues when it is full."
        yield bad("eviction", finding, advice)


def check_persistence(patient: Patient) -> Iterator[Finding]:
    """What is not on a disk is lost with the server."""
    info = patient.facts.info
    has_file = info.get("aof_enabled") == "1"
    failed = [
        what
        for field, what in (
            ("aof_last_write_status", "write of the append-only file"),
            ("aof_last_bgrewrite_status", "rewrite of the append-only file"),
            ("rdb_last_bgsave_status", "snapshot"),
        )
        if info.get(field, "ok") != "ok"
    ]
    if failed:
        finding = f"the last {' and the last '.join(failed)} failed"
        advice = "Look into the server's log and at its disk; it may refuse jobs."
        yield bad("persistence", finding, advice)
    elif has_file:
        finding = (
            "appendonly is on; with appendfsync everysec, the default, a machine that "
            "fails may cost a second"
        )
        yield well("persistence", finding)
    else:
        finding = "appendonly is off: a killed Redis forgets what came last"
        yield odd("persistence", finding, "Set appendonly to yes.")


def check_memory(patient: Patient) -> Iterator[Finding]:
    """When it is full, enqueuers wait."""
    info = patient.facts.info
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    whose = "maxmemory"
    if not limit:
        limit, whose = int(info.get("total_system_memory", 0)), "the machine's memory"
    if not limit:
        yield well("memory", f"{_in_mib(used)} used, no limit")
        return
    finding = f"{_in_mib(used)} used, {used / limit:.0%} of {whose}"
    if used < _NEARLY_FULL * limit:
        yield well("memory", finding)
        return
    advice = "Give it more, or find out why jobs pile up."
    yield (odd if used < _FULL * limit else bad)("memory", finding, advice)


def check_clock(patient: Patient) -> Iterator[Finding]:
    """Jobs are scheduled by the clock of who enqueues, and are due by that of Redis."""
    skew = abs(patient.skew)
    if skew < _SKEWED:
        yield well("clock", "ours and that of Redis agree to the second")
        return
    finding = (
        f"ours is {skew:.1f} s {'ahead of' if patient.skew > 0 else 'behind'} Redis"
    )
    advice = "Let both machines follow a time server."
    yield (odd if skew < _BADLY_SKEWED else bad)("clock", finding, advice)


def _in_mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


CHECKS = (
    check_connection,
    check_server,
    check_eviction,
    check_persistence,
    check_memory,
    check_clock,
)
