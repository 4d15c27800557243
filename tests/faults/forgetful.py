"""A server on a machine that loses its power: what was not synced is forgotten."""

import os
from pathlib import Path
from typing import Any

from tests.faults.durable import DurableServer
from tests.faults.preloading import compile_library, preloaded


class ForgetfulServer(DurableServer):
    """It can lose its power, which is worse than being killed."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(**options)
        self._library = compile_library("forgetful", folder)
        self._notes = folder / "synced"

    def start(self) -> None:
        with preloaded(self._library, KIQ_SYNCED=self._notes):
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
