"""Which files are looked at, and what counts as a change."""

import os
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from kiq_trio.cli.watching import read_times, wait_for_changes


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in ("a.py", "part/b.py", "part/c.txt", ".git/d.py", "__pycache__/e.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    return tmp_path


def test_python_files_are_looked_at_but_those_of_tools(source: Path) -> None:
    times = read_times([source])

    assert sorted(times) == [f"{source}/a.py", f"{source}/part/b.py"]


@pytest.mark.parametrize("how", ["touched", "added", "deleted"])
async def test_a_change_is_noticed_once(
    autojump_clock: MockClock, source: Path, how: str
) -> None:
    before = read_times([source])
    changed = source / ("new.py" if how == "added" else "a.py")
    if how == "deleted":
        changed.unlink()
    else:
        changed.touch()
        os.utime(changed, (1, 1))

    names, after = await wait_for_changes([source], before=before)

    assert names == [str(changed)]
    with trio.move_on_after(10) as scope:
        await wait_for_changes([source], before=after)
    assert scope.cancelled_caught
