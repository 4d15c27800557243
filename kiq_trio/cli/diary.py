"""What the demonstration's jobs write down themselves, so that nobody is trusted.

Each process appends to a file of its own, a line for each thing that happened,
before it goes on: what a killed process has done stays written.
"""

import os
from collections import Counter
from pathlib import Path

import attrs

_BEGAN = "began"
_ENDED = "ended"
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class Diary:
    """Where the jobs of this process write.

    A system call for each line, and not a buffer: it must outlive a SIGKILL.
    """

    def __init__(self, folder: Path) -> None:
        self._pages = folder / "diary"
        self._marks = folder / "marks"
        for made in (self._pages, self._marks):
            made.mkdir(exist_ok=True)
        self._file = os.open(self._pages / f"{os.getpid()}.txt", _APPEND, 0o600)

    def begin(self, jid: str) -> None:
        """A run of the job begins."""
        os.write(self._file, f"{_BEGAN} {jid}\n".encode())

    def end(self, jid: str) -> None:
        """The job has done its work."""
        os.write(self._file, f"{_ENDED} {jid}\n".encode())

    def is_first_time(self, jid: str) -> bool:
        """Whether this was never asked about the job before, by any process."""
        try:
            os.close(os.open(self._marks / jid, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True


@attrs.define(eq=False)
class Reading:
    """What all diaries say, as far as it was read.

    Attributes:
        folder: where the demonstration takes place.
        began: how many runs began, by jid.
        ended: how often the work was done, by jid.
    """

    folder: Path
    began: Counter[str] = attrs.field(factory=Counter, init=False)
    ended: Counter[str] = attrs.field(factory=Counter, init=False)
    _read_to: dict[Path, int] = attrs.field(factory=dict, init=False)

    def catch_up(self) -> None:
        """Read what was written since the last time."""
        counters = {_BEGAN: self.began, _ENDED: self.ended}
        for page in sorted((self.folder / "diary").iterdir()):
            for line in self._new_lines(page):
                event, jid = line.split()
                counters[event][jid] += 1

    def _new_lines(self, page: Path) -> list[str]:
        start = self._read_to.get(page, 0)
        with page.open("rb") as file:
            file.seek(start)
            text = file.read()
        # The last line may be half written.
        end = text.rfind(b"\n") + 1
        self._read_to[page] = start + end
        return text[:end].decode().splitlines()
