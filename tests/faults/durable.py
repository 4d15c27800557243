"""A server that keeps what it has acknowledged, whatever happens to it."""

import subprocess
from pathlib import Path
from typing import Any

from tests.servers import RealServer


class DurableServer(RealServer):
    """Writes everything to disk before it answers, and checks its file at start."""

    def __init__(self, **options: Any) -> None:
        durable = {
            "appendonly": "yes",
            "appendfsync": "always",
            # Valkey's check rejects its own preamble.
            "aof-use-rdb-preamble": "no",
        }
        super().__init__(**{**durable, **options})

    def start(self) -> None:
        """Cut off what a kill left unfinished, then start."""
        manifest = self.folder / "appendonlydir" / "appendonly.aof.manifest"
        if manifest.exists():
            # The server is its own check, if it is called by that name.
            tool = Path(self.binary).name.replace("-server", "-check-aof")
            subprocess.run(
                [tool, "--fix", manifest],
                executable=self.binary,
                input=b"y\n",
                capture_output=True,
                check=True,
            )
        super().start()

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()
