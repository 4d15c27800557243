"""What can become of a command, or of a reply, on its way through a `Proxy`.

Each is a small function of a `Passage`; most can befall either.
"""

import math
import random
from collections.abc import Callable, Mapping

import attrs
import trio

from kiq_trio._store.scripts import SCRIPTS
from tests.faults.proxy import Command, Fate, Passage, delivered

_NAMES = {script.sha.encode(): script.name for script in SCRIPTS}
_NAMES |= {script.source.encode(): script.name for script in SCRIPTS}


def name_of(command: Command) -> str:
    """Return what a command is, or the script that it runs: `PING`, `fetch`."""
    if command[0] in {b"EVALSHA", b"EVAL"}:
        return _NAMES.get(command[1], command[0].decode())
    return command[0].decode().upper()


async def dropped(passage: Passage) -> None:
    """It is gone, and nobody knows; a dropped reply is that of a command that ran."""
    passage.vanish()


def delayed(seconds: float) -> Fate:
    """It is late, and so is all that is behind it."""

    async def delay(passage: Passage) -> None:
        await trio.sleep(seconds)
        await delivered(passage)

    return delay


@attrs.define(eq=False)
class Gate:
    """Holds what comes until it is opened, by whatever thread.

    Attributes:
        held: how many it holds.
    """

    is_open: bool = False
    held: int = 0

    async def __call__(self, passage: Passage) -> None:
        """Hold it, and all behind it, even if its sender is gone by then."""
        self.held += 1
        while not self.is_open:  # noqa: ASYNC110 - opened from another thread.
            await trio.sleep(0.002)
        self.held -= 1
        await delivered(passage)


def cut_after(length: int) -> Fate:
    """The line is closed after so many bytes of it."""

    async def cut(passage: Passage) -> None:
        await passage.way.send(passage.frame[:length])
        passage.line.end()

    return cut


def reset_after(length: int) -> Fate:
    """The line is reset after so many bytes of it."""

    async def reset(passage: Passage) -> None:
        await passage.way.send(passage.frame[:length])
        passage.line.end(politely=False)

    return reset


def trickled(pause: float) -> Fate:
    """It comes byte by byte."""

    async def trickle(passage: Passage) -> None:
        for position in range(len(passage.frame)):
            await passage.way.send(passage.frame[position : position + 1])
            await trio.sleep(pause)

    return trickle


def garbled(garble: Callable[[bytes], bytes]) -> Fate:
    """Other bytes come in its place."""

    async def deliver(passage: Passage) -> None:
        await passage.way.send(garble(passage.frame))

    return deliver


def answered(reply: bytes) -> Fate:
    """A command never comes to Redis; it is answered in its place."""

    async def answer(passage: Passage) -> None:
        assert passage.asked is not None
        passage.asked.answer = reply
        await passage.line.answer()

    return answer


def befalls(fate: Fate, *names: str, times: float = math.inf) -> Callable[..., Fate]:
    """Return a rule: *fate* for commands of these names, and so often; all if none."""
    left = times

    def choose(command: Command, _: bytes = b"") -> Fate:
        nonlocal left
        if left <= 0 or (names and name_of(command) not in names):
            return delivered
        left -= 1
        return fate

    return choose


def one_of(fates: Mapping[Fate, float], rng: random.Random) -> Callable[..., Fate]:
    """Return a rule that chooses by chance; the rest of 1 is delivered.

    Greetings are left alone: of so many commands hardly one would come through. So
    is the frame of a transaction, which Redis leaves whenever it refuses a part.
    """
    names, odds = [*fates, delivered], [*fates.values(), 1 - sum(fates.values())]

    def choose(command: Command, _: bytes = b"") -> Fate:
        if name_of(command) in {"HELLO", "SCRIPT", "MULTI", "EXEC"}:
            return delivered
        return rng.choices(names, odds)[0]

    return choose
