"""What importing and starting cost."""

import os
import statistics
import sys
from pathlib import Path

from bench import drain
from bench.children import run
from bench.clock import Row
from bench.loads import NOOP
from bench.site import Site
from bench.table import Table

IMPORTS = {
    "python": "pass",
    "import trio, redis.asyncio": "import trio, redis.asyncio",
    "import kiq_trio": "import kiq_trio",
    "kiq-trio's command line": "import kiq_trio.cli.app",
}


async def measure(site: Site) -> Table:
    """Run interpreters to their end, in interleaved rounds."""
    commands = {
        name: [sys.executable, "-c", program] for name, program in IMPORTS.items()
    }
    last = "start, run a job, stop"
    commands[last] = [sys.executable, "-m", "bench.child", "first", site.url]
    found: dict[str, list[Row]] = {name: [] for name in commands}
    environment = _compiling(site.folder)
    for _ in range(1 + site.either(1, 15)):
        for name, command in commands.items():
            if name == last:
                await drain.fill(site.url, 1, NOOP)
            seconds, cpu = await run(command, environment)
            found[name].append({"ms": seconds * 1e3, "cpu_ms": cpu * 1e3})
    for rounds in found.values():
        # It has compiled what the others found compiled.
        del rounds[0]
    rows = {
        name: {key: statistics.median(row[key] for row in rounds) for key in rounds[0]}
        for name, rounds in found.items()
    }
    return Table(
        "Start-up",
        "From the start of a Python process to its end, its modules compiled before, "
        "as they are where they were installed; medians of interleaved rounds.",
        rows,
    )


def _compiling(folder: Path) -> dict[str, str]:
    """Return our environment, but that Python keeps what it compiles, in *folder*.

    Where it must not, it compiles a checkout anew whenever it starts.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
