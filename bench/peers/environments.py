"""A virtual environment for each peer, in a folder that is kept between runs."""

import hashlib
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import attrs
import trio

from bench.peers.catalogue import Peer

ROOT = Path(__file__).parents[2]
DRIVERS = Path(__file__).parent / "drivers"
INSTALL_TIMEOUT = 300.0
VERSION_TIMEOUT = 60.0
LONGEST_REASON = 160

Command: TypeAlias = tuple[str | Path, ...]


class PeerError(Exception):
    """A peer could not be installed or run; the text becomes its row."""


@attrs.frozen
class Program:
    """A peer that is installed.

    Attributes:
        command: runs its driver, with the arguments that `drivers.__main__` knows.
        version: which version that is.
    """

    command: Command
    version: str


def default_cache() -> Path:
    """Return where the environments are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "kiq_trio", "bench-peers")


async def prepare(peer: Peer, cache: Path) -> Program:
    """Return *peer* as a program; install it, unless an earlier run did.

    Raises:
        PeerError: it could not be installed.
    """
    driver = Path(peer.driver)
    if driver.suffix == ".rb":
        return Program(("ruby", DRIVERS / driver), await _version_of_gem(peer))
    python = await _python(peer, cache)
    program = f"import importlib.metadata as m; print(m.version({peer.distribution!r}))"
    version = await call((python, "-c", program), VERSION_TIMEOUT)
    return Program((python, "-m", "bench.peers.drivers", driver.stem), version.strip())


async def _python(peer: Peer, cache: Path) -> Path:
    if not peer.requirements:
        return Path(sys.executable)
    folder = cache / f"{peer.distribution}-{_digest(peer)}"
    python = folder / "bin" / "python"
    # Written last: an environment that a time-out cut short is made anew.
    mark = folder / "installed"
    if not mark.exists():
        await call([sys.executable, "-m", "venv", "--clear", folder], INSTALL_TIMEOUT)
        install = ("-m", "pip", "install", "--quiet", *peer.requirements)
        await call((python, *install), INSTALL_TIMEOUT)
        mark.touch()
    return python


async def _version_of_gem(peer: Peer) -> str:
    program = f'print Gem::Specification.find_by_name("{peer.distribution}").version'
    try:
        return await call(("ruby", "-e", program), VERSION_TIMEOUT)
    except FileNotFoundError:
        raise PeerError("there is no Ruby") from None


async def call(command: Sequence[str | Path], timeout: float) -> str:
    """Run *command* for at most *timeout* seconds; return what it printed.

    Raises:
        PeerError: it failed or took too long; in that case it was stopped.
    """
    with trio.move_on_after(timeout):
        done = await trio.run_process(
            [str(part) for part in command],
            stdin=b"",
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            cwd=ROOT,
        )
        if done.returncode:
            code = f"exit code {done.returncode}"
            raise PeerError(_last_line(done.stderr) or _last_line(done.stdout) or code)
        return done.stdout.decode(errors="replace")
    raise PeerError(f"took longer than {timeout:.0f} s")


def _digest(peer: Peer) -> str:
    parts = (platform.python_version(), *peer.requirements)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:LONGEST_REASON] if lines else ""
