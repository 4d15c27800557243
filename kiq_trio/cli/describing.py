"""What the commands say of jobs, queues and processes: rows, and fields for JSON."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from kiq_trio import encoder
from kiq_trio._printing import printable
from kiq_trio.api import (
    JobRecord,
    Process,
    QueuedJob,
    QueueSummary,
    SortedEntry,
    Work,
)
from kiq_trio.cli.answering import Column, Sheet, make_sheet, tell_span
from kiq_trio.errors import EncodeError
from kiq_trio.job import Job

Entry: TypeAlias = QueuedJob | SortedEntry
"""A job that lies somewhere."""


def describe_jobs(jobs: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return each job with its place; as text where it is no job."""
    return [describe_job(one) for one in jobs]


def describe_job(entry: Entry) -> dict[str, Any]:
    """Return a job with its place; as text where it is no job."""
    fields: dict[str, Any] = {"place": entry.place, "at": find_time(entry)}
    if entry.job is None:
        return {**fields, "job": None, "raw": entry.value.decode(errors="replace")}
    return {**fields, "job": entry.job.to_map()}


def find_time(entry: Entry) -> float | None:
    """Return when a job is due, or died; None if it waits in a queue."""
    return entry.at if isinstance(entry, SortedEntry) else None


def table_of_jobs(jobs: Sequence[Entry]) -> Sheet:
    """Return a table of jobs, with a time where their places are sorted by it."""
    columns = (
        Column("jid", "id"),
        Column("class", "id"),
        Column("queue", "id"),
        Column("at (UTC)", "id"),
        Column("args"),
        Column("error"),
    )
    return make_sheet(columns, map(_row_of_job, jobs))


def _row_of_job(entry: Entry) -> tuple[str, ...]:
    moment = find_time(entry)
    at = "" if moment is None else tell_time(moment)
    job = entry.job
    if job is None:
        return "?", "?", "", at, entry.value.decode(errors="replace"), "not a job"
    return (
        job.jid,
        entry.display_class,
        job.queue,
        at,
        tell_args(entry),
        tell_error(job),
    )


def describe_running(runs: Iterable[Work]) -> list[dict[str, Any]]:
    """Return what runs, and where."""
    return [
        {
            "place": "running",
            "process": run.process_id,
            "queue": run.queue,
            "at": run.run_at,
            "job": None if run.job.job is None else run.job.job.to_map(),
        }
        for run in runs
    ]


def table_of_running(runs: Iterable[Work]) -> Sheet:
    """Return a table of what runs."""
    columns = (
        Column("jid", "id"),
        Column("class", "id"),
        Column("queue", "id"),
        Column("since (UTC)", "id"),
        Column("process", "id"),
        Column("args"),
    )
    rows = (
        (
            run.job.jid if run.job.job else "?",
            run.job.display_class if run.job.job else "?",
            run.queue,
            tell_time(run.run_at),
            run.process_id,
            tell_args(run.job) if run.job.job else "",
        )
        for run in runs
    )
    return make_sheet(columns, rows)


def describe_queue(queue: QueueSummary) -> dict[str, Any]:
    """Return a queue's fields."""
    return {
        "name": queue.name,
        "length": queue.size,
        "latency": round(queue.latency, 3),
        "paused": queue.is_paused,
    }


def table_of_queues(queues: Iterable[QueueSummary]) -> Sheet:
    """Return a table of queues."""
    columns = (
        Column("queue", "id"),
        Column("length", "number"),
        Column("latency", "number"),
        Column("paused", "id"),
    )
    rows = (
        (
            queue.name,
            f"{queue.size:,}",
            tell_span(queue.latency),
            "paused" if queue.is_paused else "",
        )
        for queue in queues
    )
    return make_sheet(columns, rows)


def describe_process(process: Process) -> dict[str, Any]:
    """Return a process's fields."""
    return {
        "identity": process.identity,
        "tag": process.tag,
        "version": process.version,
        "labels": process.labels,
        "started_at": process.started_at,
        "queues": process.queues,
        "concurrency": process.concurrency,
        "busy": process.busy,
        "beat": process.beat,
        "beat_age": round(process.age, 3),
        "rss_kib": process.rss,
        "rtt_us": process.rtt_us,
        "quiet": process.is_quiet,
        "embedded": process.is_embedded,
        "shown": process.is_shown,
        "registered": process.is_registered,
    }


def table_of_processes(processes: Iterable[Process]) -> Sheet:
    """Return a table of processes."""
    columns = (
        Column("process", "id"),
        Column("busy", "number"),
        Column("beat", "number"),
        Column("memory", "number"),
        Column("state", "id"),
        Column("queues"),
    )
    rows = (
        (
            process.identity,
            f"{process.busy}/{process.concurrency}",
            f"{tell_span(process.age)} ago" if process.is_shown else "never",
            f"{process.rss / 1024:,.0f} MiB",
            tell_state(process),
            ", ".join(process.queues),
        )
        for process in processes
    )
    return make_sheet(columns, rows)


def beat_age(processes: Iterable[Process]) -> float | None:
    """Return how many seconds old the oldest is that *processes* show; None if none."""
    ages = [one.age for one in processes if one.is_shown and one.beat]
    return round(max(ages), 3) if ages else None


def tell_age(age: float) -> str:
    """Return how old that may be which processes show with their heartbeats."""
    return f"as of the last heartbeats, up to {tell_span(age)} ago"


def tell_state(process: Process) -> str:
    """Return how a process is, in a word."""
    if not process.is_shown:
        return "silent"
    if process.is_quiet:
        return "quiet"
    return "embedded" if process.is_embedded else "running"


def tell_time(at: float) -> str:
    """Return a moment as people read it, in UTC."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, OSError, ValueError):
        # Anybody may have written it.
        return f"{at:g}"


def tell_args(job: JobRecord) -> str:
    """Return a job's arguments as people gave them, without brackets around them."""
    try:
        return encoder.encode(job.display_args).decode()[1:-1]
    except EncodeError:
        return "?"


def tell_error(job: Job) -> str:
    """Return what a job failed with, on one line."""
    kind, message = job.rest.get("error_class"), job.rest.get("error_message")
    if not kind:
        return ""
    return printable(f"{kind}: {message}" if message else kind)
