"""The proof that the tests can fail: every guard of every script, removed.

A mutant must be caught by what its row in `mutants.py` names: by the replay
property, with whole or with torn scripts, on a fixed set of seeds; or, if only a
rare turn of events would show it, by the directed test that plays this turn. That
all tests pass with the scripts as they are, the other modules show.
"""

import inspect
from random import Random

import pytest
import redis.exceptions

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.script import Script
from tests.conftest import EPOCH
from tests.store import (
    test_guards,
    test_leading,
    test_lock_guards,
    test_ordering,
    test_suspecting,
    test_torn,
)
from tests.store.direct import LINE, WRITES, DirectServer, call
from tests.store.lock_mutants import LOCK_MUTANTS
from tests.store.mutants import MUTANTS, Mutant
from tests.store.world import World

ALL = [*MUTANTS, *LOCK_MUTANTS]

DIRECTED = {
    name: test
    for module in (
        test_guards,
        test_lock_guards,
        test_leading,
        test_ordering,
        test_suspecting,
    )
    for name, test in vars(module).items()
    if name.startswith("test_")
}

SEEDS = 150
STEPS = 300

# A mutated script may also run into an error of its own.
CAUGHT = (AssertionError, redis.exceptions.ResponseError)


def is_caught_by_replay(mutant: Mutant, *, is_torn: bool) -> bool:
    for seed in range(SEEDS):
        mutants = {mutant.script: mutant.text}
        world = World(Random(seed), mutants=mutants, is_torn=is_torn)
        try:
            world.play(STEPS)
        except CAUGHT:
            return True
    return False


def play_torn(mutant: Mutant) -> None:
    mutants = {mutant.script: mutant.text}
    for writes in range(6):
        test_torn.play_stranding(writes, mutants)
        test_torn.play_ticking(writes, mutants)
        for parting in test_torn.PARTINGS:
            test_torn.play_parting(parting, writes, mutants)
        for before, deed in test_torn.CASES:
            test_torn.play(before, deed, writes, mutants)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", ALL, ids=str)
def test_a_script_without_this_guard_is_caught(mutant: Mutant) -> None:
    match mutant.caught_by:
        case "replay" | "torn replay":
            is_torn = mutant.caught_by == "torn replay"
            assert is_caught_by_replay(mutant, is_torn=is_torn)
        case "torn":
            with pytest.raises(AssertionError, match=r"lost|stranded"):
                play_torn(mutant)
        case name:
            directed = DIRECTED[name]
            server = DirectServer(lambda: EPOCH, {mutant.script: mutant.text})
            with pytest.raises(CAUGHT):
                call(server, directed(LINE))


# What only sorts, or saves work: without it the script does the same, or errs.
NOT_GUARDS = {
    "if #added.kill > 0 then",
    "if #moved == 0 then",
    "if ARGV[n + 2] == '' then",
    "if ARGV[n + 2] ~= '' then",
    "if #jobs > 0 and is_queue then",
    "if count == 0 then",
    "if not is_known then",
    "if place > 0 then",
    "if not backs[place] then",
    "if not fronts[place] then",
    "elseif item.kind == 'requeue' then",
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_line_that_guards_or_writes_has_a_mutant(script: Script) -> None:
    guards = [m.guard.strip() for m in ALL if m.script == script.name]

    for line in map(str.strip, script.source.splitlines()):
        writes = any(f"'{name}'" in line for name in WRITES)
        reads = line.startswith("local ") and not writes
        guards_or_writes = "redis.call(" in line or line.startswith(("if", "elseif"))
        if guards_or_writes and not (reads or line in NOT_GUARDS):
            assert any(line in guard or guard in line for guard in guards), line


@pytest.mark.parametrize("name", DIRECTED)
def test_a_directed_test_holds_for_the_scripts_as_they_are(name: str) -> None:
    directed = DIRECTED[name]
    assert list(inspect.signature(directed).parameters) == ["redis"]

    call(DirectServer(lambda: EPOCH), directed(LINE))
