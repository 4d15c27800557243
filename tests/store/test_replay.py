"""The replay property: any earlier command may come again, at any later time.

A `World` lets clients, processes, stagers and rescuers work at once, one command
at a time in an order of chance. Processes die and never come back; requests and
replies get lost, and their callers repeat them; and late copies of whatever was
ever sent arrive whenever they like. After every single command the ledger looks at
every key: each job is in exactly the places it should be, no job was deleted that
had not been acknowledged, no process holds what it was not told of, registry,
backups and graves agree. In the end a last process works off what is left, and all
that was ever enqueued was acknowledged or is dead.

A forgetful Redis now and then loses all it has. Whoever beats then must learn that,
and not that it was buried; all else holds for what comes after.

With torn scripts, Redis may also die in the middle of a script and keep the first
of its writes (see the design on `appendonly`). Then a job may be in two places, but
never in none.

A run that fails prints its seed and the last that happened. `KIQ_REPLAY_SEEDS=10000`
makes it a long run; `test_mutants.py` proves that it can fail.
"""

import os
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.world import World

STEPS = 300
LONG_RUN = int(os.environ.get("KIQ_REPLAY_SEEDS", "0"))

run = settings(max_examples=LONG_RUN or 40, deadline=None)
seeds = st.integers(min_value=0, max_value=2**64 - 1)


@pytest.mark.slow
@run
@given(seed=seeds)
def test_nothing_is_lost_or_doubled_whatever_is_repeated(seed: int) -> None:
    World(Random(seed)).play(STEPS)


@pytest.mark.slow
@run
@given(seed=seeds)
def test_nothing_is_lost_when_scripts_are_torn(seed: int) -> None:
    World(Random(seed), is_torn=True).play(STEPS)


@pytest.mark.slow
@run
@given(seed=seeds)
def test_whoever_is_gone_knows_whether_redis_has_lost_its_data(seed: int) -> None:
    World(Random(seed), is_forgetful=True).play(STEPS)


@pytest.mark.slow
def test_one_long_life_is_like_many_short_ones() -> None:
    World(Random(1)).play(3_000)


def test_the_world_is_a_busy_place() -> None:
    world = World(Random(2))

    world.play(3_000)

    done = " ".join(world.story)
    assert world.ledger.acked.total() > 100
    for word in ("late copy: settle", "lost reply to settle", "dies", "drain: drain"):
        assert word in done
