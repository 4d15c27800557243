"""Shows what every task of the running program is waiting for."""

import traceback
from collections.abc import Iterator

import trio


def describe_tasks() -> str:
    """Return the tree of tasks with the stack of each, for a log."""
    root = trio.lowlevel.current_root_task()
    return "\n".join(_describe(root, 0)) if root is not None else "(no tasks)"


def _describe(task: trio.lowlevel.Task, depth: int) -> Iterator[str]:
    margin = "  " * depth
    yield f"{margin}{task.name}"
    frames = traceback.StackSummary.extract(task.iter_await_frames())
    for frame in frames:
        yield f"{margin}  at {frame.filename}:{frame.lineno} in {frame.name}"
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _describe(child, depth + 1)
