"""Mistakes that random chaos must find: those of the simulation, made for real."""

from contextlib import ExitStack

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.script import Script
from tests.simulation.mutants import MUTANTS


def make_mistake(name: str) -> None:
    """Make this mistake from now on, in all of this process."""
    texts = MUTANTS[name](ExitStack())
    for script in SCRIPTS:
        if script.name in texts:
            other = Script(script.name, texts[script.name])
            # Whoever runs it has imported it: what is frozen must become another.
            object.__setattr__(script, "source", other.source)
            object.__setattr__(script, "sha", other.sha)
