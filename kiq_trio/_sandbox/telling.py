"""Says what was wanted and what was there instead."""

from collections.abc import Sequence

from kiq_trio._sandbox.matching import Wanted
from kiq_trio._sandbox.recording import Record
from kiq_trio.job import Job

_MOST_JOBS = 10
_MOST_ARGS = 60
_SHOWN = {"class", "args", "queue", "at", "in_"}


def tell_missing(wanted: Wanted, records: Sequence[Record]) -> str:
    """Return why an assertion has failed: nothing is as *wanted*."""
    lines = [f"no such job was enqueued: {_tell_wanted(wanted)}"]
    if not records:
        return f"{lines[0]}\nNor was any other."
    differing = [(wanted.differences(record), record) for record in records]
    # Another class is further away than any difference within the same.
    differing.sort(key=lambda pair: ("class" in pair[0], len(pair[0])))
    lines.append("Enqueued instead, the nearest first:")
    for names, record in differing[:_MOST_JOBS]:
        lines.append(f"  {_tell(record)}; differs in {_tell_names(names, record.job)}")
    return _finish(lines, len(records))


def tell_miscounted(wanted: Wanted, count: int, found: Sequence[Record]) -> str:
    """Return why an assertion has failed: there are not *count* such jobs."""
    noun = "job" if count == 1 else "jobs"
    said = (
        f"{count} {noun} should have been enqueued, but {len(found)} "
        f"{_were(len(found))}: {_tell_wanted(wanted)}"
    )
    lines = [said]
    lines += [f"  {_tell(record)}" for record in found[:_MOST_JOBS]]
    return _finish(lines, len(found))


def tell_found(wanted: Wanted, found: Sequence[Record]) -> str:
    """Return why a refutation has failed: *found* are as they should not be."""
    lines = [f"such a job was enqueued: {_tell_wanted(wanted)}"]
    lines += [f"  {_tell(record)}" for record in found[:_MOST_JOBS]]
    return _finish(lines, len(found))


def name_job(job: Job) -> str:
    """Return *job* as the call that it is, cut if it is long."""
    return f"{job.job_class}({_cut(', '.join(map(repr, job.args)))})"


def _tell(record: Record) -> str:
    job = record.job
    when = "now" if job.at is None else f"in {job.at - record.when:,.0f} s"
    return f"{name_job(job)} on {job.queue}, {when}"


def _tell_wanted(wanted: Wanted) -> str:
    said = [f"{name}={_cut(repr(value))}" for name, value in wanted.fields.items()]
    return ", ".join(said) or "any at all"


def _tell_names(names: Sequence[str], job: Job) -> str:
    """Name the fields; what the line does not show, with its value."""
    fields = job.to_map()
    return ", ".join(
        name if name in _SHOWN else f"{name} (is {_cut(repr(fields.get(name)))})"
        for name in names
    )


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_ARGS else f"{text[: _MOST_ARGS - 3]}..."


def _finish(lines: list[str], count: int) -> str:
    if count > _MOST_JOBS:
        lines.append(f"  and {count - _MOST_JOBS} more")
    return "\n".join(lines)
