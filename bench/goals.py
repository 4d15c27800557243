"""What was aimed at, and whether a run held it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from bench.clock import Row
from bench.table import Table

Tables: TypeAlias = Mapping[str, Table]
TOLERANCE = 1.1
"""What is called equal: figures of one run differ by a tenth."""


@attrs.frozen
class Goal:
    """One number that was aimed at.

    Attributes:
        text: what it is.
        limit: the number.
        read: returns what was measured; KeyError if that was not.
        is_least: whether the number has to be reached, not kept below.
        form: how the numbers are written.
    """

    text: str
    limit: float
    read: Callable[[Tables], float]
    is_least: bool = False
    form: str = ",.2f"

    def judge(self, tables: Tables) -> list[str]:
        """Return a row of the page's table."""
        sign = "≥" if self.is_least else "≤"
        aim = f"{sign} {self.limit:{self.form}}"
        try:
            found = self.read(tables)
        except (KeyError, StopIteration):
            return [self.text, aim, "", "not measured"]
        holds = found >= self.limit if self.is_least else found <= self.limit
        verdict = "held" if holds else "**missed**"
        return [self.text, aim, f"{found:{self.form}}", verdict]


def figure(group: str, row: str, key: str) -> Callable[[Tables], float]:
    """Return what reads a figure from a row whose name begins so."""
    return lambda tables: _row(tables[group], row)[key]


def _row(table: Table, start: str) -> Row:
    return next(row for name, row in table.rows.items() if name.startswith(start))


def _share_of_pings(tables: Tables) -> float:
    table = tables["enqueue"]
    return _row(table, "enqueue, one by one")["rate"] / _row(table, "PING")["rate"]


def _growth(tables: Tables) -> float:
    """Return the most that a job costs, compared with fewer at once."""
    costs = [row["cpu_us"] for row in tables["concurrency"].rows.values()]
    pairs = [
        (few, many) for place, few in enumerate(costs) for many in costs[place + 1 :]
    ]
    return max(many / few for few, many in pairs)


def _beside_most(tables: Tables) -> float:
    waiting = [
        row for name, row in tables["backlog"].rows.items() if name.endswith("in queue")
    ]
    return waiting[-1]["speedup"]


def _each_running(tables: Tables) -> float:
    rows = tables["memory"].rows
    return next(row["kib_each"] for row in rows.values() if "kib_each" in row)


def _delay_of_beats(tables: Tables) -> float:
    row = _row(tables["due"], "one process")
    return max(row["gap"], row["ui_gap"])


def _in_ours(peer: str) -> Callable[[Tables], float]:
    """Return what compares a peer with us; both are in the run of `bench.peers`."""
    return lambda tables: tables["peers"].rows[peer]["ratio"]


def _elsewhere(microseconds: float) -> Callable[[Tables], float]:
    """Return what compares with us a figure that is not of the same run."""
    return lambda tables: microseconds / tables["peers"].rows["kiq_trio"]["cpu_us"]


SIDEKIQ_8_US = 95.0
"""CPU of a job on Sidekiq 8 with YJIT, on a machine like ours, but in another run."""

PEER_GOALS: Sequence[Goal] = (
    Goal("CPU of a job on dramatiq, in ours", 15, _in_ours("dramatiq"), is_least=True),
    Goal("CPU of a job on Sidekiq 6, in ours", 3, _in_ours("sidekiq"), is_least=True),
    Goal(
        "CPU of a job on Sidekiq 8 with YJIT, 95 µs in another run, in ours",
        3,
        _elsewhere(SIDEKIQ_8_US),
        is_least=True,
    ),
)

GOALS: Sequence[Goal] = (
    Goal(
        "drain, 25 at once: CPU of the bare loop, times",
        1.8,
        figure("drain", "no-op", "ratio"),
    ),
    Goal(
        "drain, 25 at once: jobs/s",
        25_000,
        figure("drain", "no-op", "rate"),
        is_least=True,
        form=",.0f",
    ),
    Goal(
        "drain, 50 at once: jobs/s",
        33_000,
        figure("concurrency", "50", "rate"),
        is_least=True,
        form=",.0f",
    ),
    *PEER_GOALS,
    Goal(
        "`enqueue_many`: client CPU µs a job",
        7,
        figure("enqueue", "enqueue_many", "cpu_us"),
    ),
    Goal(
        "`enqueue_nowait`: client CPU µs a job",
        25,
        figure("enqueue", "enqueue_nowait", "cpu_us"),
    ),
    Goal(
        "`await enqueue`, one task: share of the PING rate",
        0.6,
        _share_of_pings,
        is_least=True,
    ),
    Goal(
        "`await enqueue`, 50 tasks: client CPU µs a job",
        30,
        figure("enqueue", "enqueue from", "cpu_us"),
    ),
    Goal("round trips a job under load", 0.1, figure("drain", "no-op", "trips")),
    Goal("idle, enqueue to start: p50 in PINGs", 4, figure("idle", "", "pings")),
    Goal("idle, enqueue to start: p99 in PINGs", 15, figure("idle", "", "pings_p99")),
    Goal(
        "memory, idle: MiB above the imports", 12, figure("memory", "idle", "more_mib")
    ),
    Goal("memory: MiB more after many jobs", 2, figure("memory", "after", "more_mib")),
    Goal("memory: KiB a running job", 8, _each_running),
    Goal(
        "rate beside the longest backlog, of that beside 1,000",
        0.9,
        _beside_most,
        is_least=True,
    ),
    Goal(
        "all that become due at once are staged: s",
        5,
        figure("due", "one process", "seconds"),
    ),
    Goal("meanwhile: longest gap of heartbeats each 0.2 s: s", 0.5, _delay_of_beats),
    Goal("concurrency 10 to 1,000: growth of CPU a job, times", TOLERANCE, _growth),
    Goal(
        "two processes: rate of one, times",
        1.6,
        figure("processes", "2 x", "speedup"),
        is_least=True,
    ),
)
