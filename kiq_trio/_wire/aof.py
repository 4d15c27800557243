"""Checks a server's append-only file, and mends its end, before the server starts.

A server that was killed, or whose machine was, may leave a half-written command
at the end of the file, or half a transaction, which would stop the next start.
"""

import logging
import os
import re
from pathlib import Path
from subprocess import STDOUT

import attrs
import trio

from kiq_trio.errors import ServerUnfitError

_log = logging.getLogger("kiq_trio.redis")

_MANIFEST = Path("appendonlydir", "appendonly.aof.manifest")
_ENTRY = re.compile(r"^file (?P<name>\S+) seq \d+ type (?P<type>[bhi])", re.MULTILINE)
_ANALYSIS = re.compile(r"filename=(.*), size=(\d+), ok_up_to=(\d+),")
# What a base file begins with if it was written with another setting than ours.
_RDB_MAGIC = (b"REDIS", b"VALKEY")


async def mend(binary: Path, directory: Path, *, limit: int) -> None:
    """Cut a torn end of at most *limit* bytes off; what is cut is kept aside.

    Raises:
        ServerUnfitError: the damage is bigger, or the check cannot tell its size.
    """
    checked = _what_to_check(directory)
    if checked is None:
        return
    is_valid, report = await _check(binary, checked)
    if is_valid:
        return
    damage = _Damage.from_report(report, checked)
    if damage is None or damage.size > limit:
        raise ServerUnfitError(_refusal(binary, checked, damage, limit, report))
    aside = damage.keep(directory)
    is_valid, report = await _check(binary, checked, "--fix")
    if not is_valid:
        raise ServerUnfitError(_refusal(binary, checked, damage, limit, report))
    _log.warning(
        "mended %s: cut %d bytes of unfinished writes off its end, kept in %s",
        damage.path,
        damage.size,
        aside,
    )


@attrs.frozen
class _Damage:
    """From where on a file cannot be read."""

    path: Path
    start: int
    end: int

    @classmethod
    def from_report(cls, report: str, checked: Path) -> "_Damage | None":
        for name, end, start in _ANALYSIS.findall(report):
            if start != end:
                return cls(checked.parent / name, int(start), int(end))
        return None

    @property
    def size(self) -> int:
        return self.end - self.start

    def keep(self, directory: Path) -> Path:
        """Copy what will be cut: it may hold what somebody wants back."""
        aside = directory / f"{self.path.name}.cut-at-{self.start}"
        with self.path.open("rb") as file:
            file.seek(self.start)
            aside.write_bytes(file.read())
        aside.chmod(0o600)
        return aside


def _what_to_check(directory: Path) -> Path | None:
    """Return the manifest; or, where its base is an RDB, the last file alone.

    Valkey's check takes an RDB that Valkey wrote for a damaged file, and so the
    torn end behind it could not be mended.
    """
    manifest = directory / _MANIFEST
    if not manifest.exists():
        return None
    files = _ENTRY.findall(manifest.read_text())
    if not any(kind == "b" and _is_rdb(manifest.parent / name) for name, kind in files):
        return manifest
    increments = [manifest.parent / name for name, kind in files if kind == "i"]
    return increments[-1] if increments else None


def _is_rdb(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6).startswith(_RDB_MAGIC)


async def _check(binary: Path, path: Path, *options: str) -> tuple[bool, str]:
    # The server is the check too, if it is called by that name.
    name = binary.name.replace("-server", "-check-aof")
    done = await trio.run_process(
        [name, *options, os.fspath(path)],
        executable=os.fspath(binary),
        stdin=b"y\n",
        capture_stdout=True,
        stderr=STDOUT,
        check=False,
    )
    return done.returncode == 0, done.stdout.decode(errors="replace")


def _refusal(
    binary: Path, checked: Path, damage: _Damage | None, limit: int, report: str
) -> str:
    name = binary.name.replace("-server", "-check-aof")
    found = (
        f"{damage.path} cannot be read from byte {damage.start} on: {damage.size} of"
        f" its {damage.end} bytes would be lost, and we mend at most {limit}"
        if damage
        else f"{checked} is damaged: {report.strip().splitlines()[-1]}"
    )
    return (
        f"{found}. Copy its folder, then try `{name} --fix {checked}`;"
        f" or move the folder away to start empty"
    )
