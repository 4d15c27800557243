"""The nursery behind other people's blocks."""

import pytest
import trio

from kiq_trio._background import open_service_nursery


async def test_an_error_of_the_block_survives_a_cancellation_from_outside() -> None:
    async def fail(scope: trio.CancelScope) -> None:
        async with open_service_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            scope.cancel()
            raise ZeroDivisionError

    with trio.CancelScope() as scope, pytest.raises(ZeroDivisionError):
        await fail(scope)


async def test_a_cancelled_block_is_cancelled() -> None:
    with trio.CancelScope() as scope:
        async with open_service_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            scope.cancel()
            await trio.sleep_forever()

    assert scope.cancelled_caught


async def test_a_bug_in_a_task_comes_out_as_a_group() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async def use() -> None:
        async with open_service_nursery() as nursery:
            nursery.start_soon(fail)
            await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        await use()
    assert caught.group_contains(ZeroDivisionError)


async def test_a_bug_does_not_hide_the_block_s_own_error() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async def use() -> None:
        async with open_service_nursery() as nursery:
            nursery.start_soon(fail)
            await trio.testing.wait_all_tasks_blocked()
            raise KeyError

    with pytest.raises(ExceptionGroup) as caught:
        await use()
    assert caught.group_contains(ZeroDivisionError)


async def test_the_tasks_outlive_a_cancellation_of_the_block() -> None:
    order: list[str] = []

    async def serve() -> None:
        try:
            await trio.sleep_forever()
        finally:
            order.append("service")

    with trio.CancelScope() as scope:
        async with open_service_nursery() as nursery:
            nursery.start_soon(serve)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            try:
                await trio.sleep_forever()
            finally:
                order.append("block")

    assert order == ["block", "service"]


async def test_a_bug_is_told_with_the_block_s_own_error() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async def use() -> None:
        async with open_service_nursery() as nursery:
            nursery.start_soon(fail)
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                raise KeyError from None

    with pytest.raises(ExceptionGroup) as caught:
        await use()
    assert caught.group_contains(ZeroDivisionError)
    assert caught.group_contains(KeyError)


async def test_the_block_of_a_cancelled_task_does_not_begin() -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        async with open_service_nursery():
            pytest.fail("the nursery would be closed")

    assert scope.cancelled_caught


async def test_a_service_that_is_ready_is_there_for_its_block_whenever_cancelled() -> (
    None
):
    """Cancel at every moment of the start: the block has a service, or is not begun."""
    for moment in range(8):
        with trio.CancelScope() as scope:

            async def cancel_then(ticks: int, scope: trio.CancelScope) -> None:
                for _ in range(ticks):
                    await trio.lowlevel.cancel_shielded_checkpoint()
                scope.cancel()

            async with trio.open_nursery() as outside:
                outside.start_soon(cancel_then, moment, scope)
                async with open_service_nursery() as nursery:
                    nursery.start_soon(trio.sleep_forever)
                    await trio.sleep_forever()

        assert scope.cancelled_caught
