"""How the tasks of a process look: to people only its jobs, or all of them."""

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from kiq_trio._services.dumper import Dump
from kiq_trio._services.stacks import Branch, write


def find_jobs(tasks: Sequence[Branch]) -> list[list[Branch]]:
    """Return each task that runs a job, with all the tasks below it."""
    found: list[list[Branch]] = []
    is_below = False
    for branch in tasks:
        if branch.work is not None:
            found.append([branch])
            is_below = True
        elif is_below and branch.depth > found[-1][0].depth:
            found[-1].append(branch)
        else:
            is_below = False
    return found


def show_dump(dump: Dump, *, everything: bool) -> Iterator[str]:
    """Return the lines that show *dump*: its jobs, or *everything*."""
    jobs = find_jobs(dump.tasks)
    number = len(jobs)
    yield f"{dump.identity}: {number} {'job runs' if number == 1 else 'jobs run'}"
    for tasks in [dump.tasks] if everything else jobs:
        # Below the line that names the process, wherever they stood in its tree.
        shift = 1 - tasks[0].depth
        for branch in tasks:
            yield from write(attrs.evolve(branch, depth=branch.depth + shift))


def tell_dump(dump: Dump, *, everything: bool) -> dict[str, Any]:
    """Return what `show_dump` shows, for programs."""
    jobs = []
    for tasks in find_jobs(dump.tasks):
        work = tasks[0].work
        assert work is not None
        jobs.append(
            {
                "jid": work.jid,
                "class": work.job_class,
                "queue": work.queue,
                "running_for": work.running_for,
                "tasks": [attrs.asdict(task) for task in tasks],
            }
        )
    told = {"process": dump.identity, "at": dump.at, "jobs": jobs}
    if everything:
        told["tasks"] = [attrs.asdict(task) for task in dump.tasks]
    return told
