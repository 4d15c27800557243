"""A whole `Kiq`, as journeys have it."""

import importlib.util
from pathlib import Path

from tests.journey.conftest import make_kiq, memory, recorder

__all__ = ["make_kiq", "memory", "recorder"]


def import_anew(file: str) -> None:
    """Run a module's *file* once more, and leave the module itself as it is."""
    spec = importlib.util.spec_from_file_location(f"anew_{Path(file).stem}", file)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
