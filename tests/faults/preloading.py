"""Libraries that make a process see another world; they are compiled when needed."""

import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def compile_library(name: str, folder: Path) -> Path:
    """Compile `NAME.c`, which is beside this file; skip where nobody can."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is there")
    library = folder / f"{name}.so"
    options = ["-shared", "-fPIC", "-O1", "-o", library, FOLDER / f"{name}.c", "-ldl"]
    subprocess.run([compiler, *map(str, options)], check=True)
    return library


@contextmanager
def preloaded(library: Path, **variables: Path) -> Iterator[None]:
    """Let processes that are started in the block have *library* in them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(library))
        for name, value in variables.items():
            patch.setenv(name, str(value))
        yield


class Shift:
    """By how much the time of day is shifted for processes with `shifted.c`."""

    def __init__(self, folder: Path) -> None:
        self._library = compile_library("shifted", folder)
        self._path = folder / "shift"
        self._path.write_bytes(bytes(8))

    def set(self, seconds: int) -> None:
        with self._path.open("r+b") as file:
            file.write(struct.pack("q", seconds))

    @contextmanager
    def felt(self) -> Iterator[None]:
        """Let processes that are started in the block feel it."""
        with preloaded(self._library, KIQ_SHIFT=self._path):
            yield
