"""A server on a machine that loses its power: what was not synced is forgotten."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.faults.durable import DurableServer

SOURCE = Path(__file__).with_suffix(".c")


def compile_notes(folder: Path) -> Path:
    """Return the library that notes what was synced; skip where none can be made."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is there")
    library = folder / "forgetful.so"
    options = ["-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run([compiler, *options], check=True)
    return library


class ForgetfulServer(DurableServer):
    """It can lose its power, which is worse than being killed."""

    def __init__(self, library: Path, **options: Any) -> None:
        super().__init__(**options)
        self._library = library
        self._notes = library.parent / "synced"

    def start(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(self._library))
            patch.setenv("KIQ_SYNCED", str(self._notes))
            super().start()

    def lose_power(self) -> int:
        """End it; return how many bytes were forgotten."""
        self.kill()
        synced: dict[str, int] = {}
        for line in self._notes.read_text().splitlines():
            size, _, name = line.partition(" ")
            synced[name] = int(size)
        forgotten = 0
        for path in self.folder.glob("appendonlydir/*.incr.aof"):
            written = path.stat().st_size
            kept = min(written, synced.get(str(path.resolve()), 0))
            os.truncate(path, kept)
            forgotten += written - kept
        return forgotten
