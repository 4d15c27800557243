"""Mistakes that the simulation must find: in our code, and in the scripts."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from kiq_trio._pipeline import consumer, producer
from kiq_trio._pipeline.consumer import Consumer
from kiq_trio._pipeline.runs import ACK, Run
from kiq_trio._pipeline.suspects import POISON_LIMIT
from kiq_trio._services import recovery
from kiq_trio._services.rescuer import Rescuer
from kiq_trio._store import fetching
from kiq_trio._store.scripts import SCRIPTS

Mutant = Callable[[ExitStack], Mapping[str, str]]
"""Patches our code, or returns texts of scripts to take the place of ours."""

_TEXTS = {script.name: script.source for script in SCRIPTS}


def no_mutant(_: ExitStack) -> Mapping[str, str]:
    return {}


def script(name: str, guard: str, instead: str) -> Mutant:
    """Replace a line of a script."""
    text = _TEXTS[name]
    assert text.count(guard) == 1, f"{guard!r} is not in it once"
    return lambda _: {name: text.replace(guard, instead)}


def ack_before_run(patches: ExitStack) -> Mapping[str, str]:
    """Tell Redis that a job is done when it begins."""
    work: Any = Consumer._work

    async def hasty(self: Consumer, run: Run) -> None:
        self.settler.add(Run(run.delivery, settlement=ACK))
        await work(self, run)

    patches.enter_context(patch.object(Consumer, "_work", hasty))
    return {}


def forget_the_call(patches: ExitStack) -> Mapping[str, str]:
    """Give a fetch another number each time it is asked."""
    fetch = fetching.fetch
    numbers: dict[str, int] = {}

    async def forgetful(*args: Any, call: int, identity: str, **kwargs: Any) -> Any:
        numbers[identity] = number = max(numbers.get(identity, 0) + 1, call)
        return await fetch(*args, call=number, identity=identity, **kwargs)

    patches.enter_context(patch.object(producer, "fetch", forgetful))
    return {}


def trust_old_notes(patches: ExitStack) -> Mapping[str, str]:
    """Let a rescuer go on counting over a gap in what it has seen."""
    patches.enter_context(patch.object(Rescuer, "_forget", lambda _: None))
    return {}


def bury_whoever_it_is(patches: ExitStack) -> Mapping[str, str]:
    """Let a rescuer count for how long it knows somebody, whether he beats or not."""
    stood_still = Rescuer._stood_still

    def hasty(self: Rescuer, counters: dict[str, int]) -> list[tuple[str, int]]:
        for identity, note in self._notes.items():
            note.counter = counters.get(identity, note.counter)
        return stood_still(self, counters)

    patches.enter_context(patch.object(Rescuer, "_stood_still", hasty))
    return {}


def blame_everybody(patches: ExitStack) -> Mapping[str, str]:
    """Give up whatever was found three times, whoever killed the process."""
    patches.enter_context(patch.object(recovery, "PATIENCE", POISON_LIMIT))
    return {}


def blame_nobody(patches: ExitStack) -> Mapping[str, str]:
    """Let suspects begin as all others do."""
    patches.enter_context(patch.object(consumer, "is_suspect", lambda _: False))
    return {}


MUTANTS: dict[str, Mutant] = {
    "ack before run": ack_before_run,
    "forget the call": forget_the_call,
    "trust old notes": trust_old_notes,
    "bury whoever it is": bury_whoever_it_is,
    "blame everybody": blame_everybody,
    "blame nobody": blame_nobody,
    "fetch unregistered": script(
        "fetch", "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then", "if false then"
    ),
    "fetch anew": script("fetch", "if call == last then", "if false then"),
    "fetch late": script("fetch", "if call < last then", "if false then"),
    "enqueue again": script("enqueue", "if number == last then", "if false then"),
    "settle what is gone": script("settle", "if not held[n] then", "if false then"),
    "keep what is settled": script(
        "settle", "redis.call('HDEL', KEYS[1], unpack(moved))\n", ""
    ),
    "drain the living": script(
        "drain",
        "if redis.call('HGET', KEYS[4], ARGV[n]) == ARGV[n + 1] then",
        "if true then",
    ),
    "tick again": script(
        "tick",
        "if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then",
        "if false then",
    ),
}
