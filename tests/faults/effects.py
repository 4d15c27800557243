"""What jobs do to the world: lines in a file, which no fault of Redis can undo."""

import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import attrs


class Effects:
    """A file to which any number of processes append whole lines.

    A run is written down when it begins and when it ends: what began twice has run
    twice, and only what ended is done.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._runs = 0

    def begin(self, jid: str) -> str:
        """Write that a run of *jid* begins; return its name."""
        self._runs += 1
        run = f"{os.getpid()}.{self._runs}"
        self._write(jid, run, "begin")
        return run

    def end(self, jid: str, run: str) -> None:
        self._write(jid, run, "end")

    def stop(self, jid: str, run: str) -> None:
        """Write that a run is over that has not come to its end."""
        self._write(jid, run, "stop")

    def _write(self, jid: str, run: str, what: str) -> None:
        # One write, so a process that is killed leaves a line or none.
        line = f"{jid} {run} {what} {time.monotonic():.6f}\n"
        os.write(self._fd, line.encode())


@attrs.define
class Run:
    """One run of a job.

    Attributes:
        pid: the process it was in.
        began: when, on the system's steady clock.
        stopped: when it was over, for ever if nobody wrote it down.
    """

    pid: int
    began: float
    stopped: float = math.inf


@attrs.define
class History:
    """All runs, read from the files.

    Attributes:
        runs: the runs of each job, in the order in which they began.
        ended: how many runs of each job came to their end.
    """

    runs: dict[str, list[Run]] = attrs.field(factory=lambda: defaultdict(list))
    ended: Counter[str] = attrs.field(factory=Counter)
    _named: dict[str, Run] = attrs.field(factory=dict)

    @classmethod
    def read(cls, paths: Iterable[Path]) -> "History":
        """Read what there is now of the files; some may be missing."""
        history = cls()
        for path in paths:
            if path.exists():
                for line in path.read_text().splitlines():
                    history._add(line)
        return history

    @property
    def extra(self) -> int:
        """How many runs were not the first of their job."""
        return sum(len(runs) - 1 for runs in self.runs.values())

    @property
    def most(self) -> int:
        """How often the job ran that ran most often."""
        return max(map(len, self.runs.values()), default=0)

    def _add(self, line: str) -> None:
        jid, name, what, at = line.split()
        if what == "begin":
            run = Run(int(name.partition(".")[0]), float(at))
            self.runs[jid].append(run)
            self._named[name] = run
        else:
            self._named[name].stopped = float(at)
            self.ended[jid] += what == "end"
