"""Shows what every task of the running program is waiting for.

Only names, files and lines: never a local variable, which may be a secret.
"""

import linecache
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from itertools import dropwhile
from types import FrameType
from typing import Final

import attrs
import outcome
import trio

from kiq_trio._pipeline import runner
from kiq_trio._pipeline.ledger import Ledger
from kiq_trio._pipeline.runs import Run
from kiq_trio.job import Job

MOST_TASKS = 5_000
"""So many are shown: nobody reads more, and the loop stands still meanwhile."""


@attrs.frozen
class Spot:
    """A line at which a task waits, or from which it called what waits."""

    file: str
    line: int
    function: str
    code: str
    """The text of that line; empty if its file cannot be read."""


@attrs.frozen(kw_only=True)
class Work:
    """The job that a task runs.

    Attributes:
        jid: which it is.
        job_class: its worker.
        queue: where it was taken from.
        running_for: seconds since it began.
    """

    jid: str
    job_class: str
    queue: str
    running_for: float


@attrs.frozen(kw_only=True)
class Branch:
    """A task, somewhere in the tree.

    Attributes:
        depth: how many tasks lie between it and the root.
        name: what Trio calls it.
        stack: where it is, outermost call first; of a job, from its worker on.
        work: the job it runs, if it runs one.
    """

    depth: int
    name: str
    stack: tuple[Spot, ...]
    work: Work | None = None


def describe_tasks(*ledgers: Ledger) -> str:
    """Return the tree of tasks with the stack of each, for a log.

    Args:
        *ledgers: which jobs run here, to be named.
    """
    branches = look_at_tasks(*ledgers)
    return "\n".join(line for each in branches for line in write(each))


def write(branch: Branch) -> Iterator[str]:
    """Return the lines that show *branch*, each with the margin of its depth."""
    margin = "  " * branch.depth
    yield margin + title(branch)
    for spot in branch.stack:
        code = f": {spot.code}" if spot.code else ""
        yield f"{margin}  at {spot.file}:{spot.line} in {spot.function}{code}"


def title(branch: Branch) -> str:
    """Return what *branch* is: a task, or a task that runs a job."""
    work = branch.work
    if work is None:
        return branch.name
    return (
        f"job {work.jid} ({work.job_class}, queue {work.queue}), "
        f"running for {work.running_for:.1f} s"
    )


def look_at_tasks(*ledgers: Ledger) -> list[Branch]:
    """Return all tasks of the program, each before its children."""
    root = trio.lowlevel.current_root_task()
    assert root is not None, "there is a root wherever there is a loop"
    busy = {task: run for each in ledgers for task, run in each.busy()}
    threads = {each.name: each.ident for each in threading.enumerate()}
    frames = sys._current_frames()  # noqa: SLF001 - the only way to see another thread's stack.
    branches: list[Branch] = []
    open_: list[tuple[trio.lowlevel.Task, int]] = [(root, 0)]
    while open_ and len(branches) < MOST_TASKS:
        task, depth = open_.pop()
        stack = _read_stack(task.iter_await_frames())
        work = None
        if task in busy:
            work = _read_work(busy[task])
            thread = frames.get(threads.get(runner.name_thread(work.jid)) or 0)
            stack = _skip_machinery([*stack, *_read_stack(_unwind(thread))])
        branch = Branch(depth=depth, name=task.name, stack=tuple(stack), work=work)
        branches.append(branch)
        # The last in is the first out, and the oldest child comes first.
        open_ += reversed([(child, depth + 1) for child in _children(task)])
    return branches


def _children(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    for nursery in task.child_nurseries:
        # A set of Trio's, in no order; names at least stay where they were.
        yield from sorted(nursery.child_tasks, key=lambda child: child.name)


def _read_work(run: Run) -> Work:
    job = Job.decode(run.delivery.payload)
    return Work(
        jid=job.jid,
        job_class=job.job_class,
        queue=run.delivery.queue,
        running_for=round(trio.current_time() - run.began, 3),
    )


def _read_stack(frames: Iterable[tuple[FrameType, int]]) -> list[Spot]:
    spots = []
    for frame, line in frames:
        code = frame.f_code
        text = linecache.getline(code.co_filename, line, frame.f_globals).strip()
        spots.append(Spot(code.co_filename, line, code.co_qualname, text))
    return spots


def _unwind(frame: FrameType | None) -> list[tuple[FrameType, int]]:
    """Return the calls of a thread, outermost first."""
    calls: list[tuple[FrameType, int]] = []
    while frame is not None:
        calls.append((frame, frame.f_lineno))
        frame = frame.f_back
    return calls[::-1]


def _folder(file: str | None) -> str:
    assert file is not None
    return os.path.dirname(file) + os.sep  # noqa: PTH120 - compared with text.


_MACHINERY: Final = (
    _folder(runner.__file__),
    _folder(trio.__file__),
    _folder(outcome.__file__),
    threading.__file__,
)
"""What calls a worker; what the worker calls is shown."""


def _skip_machinery(stack: list[Spot]) -> list[Spot]:
    rest = dropwhile(lambda spot: spot.file.startswith(_MACHINERY), stack)
    return [*rest] or stack
