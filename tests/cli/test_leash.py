"""What a parent and its child know of each other."""

import os

import pytest
import trio

from kiq_trio.cli.leash import VARIABLE, Leash, make_leash


async def test_a_parent_learns_when_its_child_obeys_and_how_long_a_stop_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hand, theirs = make_leash()
    monkeypatch.setenv(VARIABLE, str(theirs.detach()))
    leash = Leash.take()
    assert leash is not None
    assert VARIABLE not in os.environ, "our own children are not our parent's"

    with leash._socket:
        async with hand.stream:
            graces = [hand.grace]
            leash.say_ready(2.5)
            await hand.listen()
            graces.append(hand.grace)
    assert graces == [None, 2.5]


async def test_a_child_learns_when_its_parent_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hand, theirs = make_leash()
    monkeypatch.setenv(VARIABLE, str(theirs.detach()))
    leash = Leash.take()
    assert leash is not None

    with leash._socket:
        async with hand.stream:
            with trio.move_on_after(0.05) as scope:
                await leash.wait_cut()
            assert scope.cancelled_caught
        with trio.fail_after(5):
            await leash.wait_cut()
        # Nobody hears it, and nothing is raised.
        leash.say_ready(2.5)


async def test_a_child_that_goes_without_a_word_was_never_ready() -> None:
    hand, theirs = make_leash()

    async with hand.stream:
        theirs.close()
        with trio.fail_after(5):
            await hand.listen()

    assert hand.grace is None


def test_without_a_parent_there_is_no_leash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)

    assert Leash.take() is None
