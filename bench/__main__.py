"""Run measurements and print their tables: `python -m bench [drain ...] [--quick]`."""

import argparse
import functools
import gc
import json
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio

from bench import page
from bench.conditions import describe
from bench.groups import GROUPS, known
from bench.server import open_ends
from bench.site import Site


async def measure(names: Sequence[str], *, is_quick: bool) -> dict[str, Any]:
    """Measure the groups of these names, print them; return them, fit for JSON."""
    tables = {}
    async with open_ends() as ends:
        conditions = await describe(ends.unix)
        conditions["kind of run"] = "quick, for a look" if is_quick else "full"
        for name, value in conditions.items():
            print(f"{name}: {value}")
        for name in names:
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                table = await GROUPS[name](Site(ends, Path(folder), is_quick))
            print(f"{table.text()}\n  ({name}: {time.monotonic() - began:.0f} s)")
            sys.stdout.flush()
            tables[name] = table.to_json()
    return {"conditions": conditions, "tables": tables}


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "groups",
        nargs="*",
        type=known,
        metavar="GROUP",
        help=f"what to measure, by default all: {', '.join(GROUPS)}",
    )
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--docs", action="store_true", help="make the page of the docs anew from them"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    # Lines about jobs that fail on purpose are written, as always, but not shown.
    jobs = logging.getLogger("kiq_trio.jobs")
    jobs.addHandler(logging.NullHandler())
    jobs.propagate = False
    run = functools.partial(
        measure, options.groups or list(GROUPS), is_quick=options.quick
    )
    # As `kiq-trio run` does.
    gc.freeze()
    found = trio.run(run)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    if options.docs:
        page.write(found, page.FOUND.parent)


if __name__ == "__main__":
    main()
