"""Tests of `billing.py`: wherever it crashes, a customer is charged once."""

from collections.abc import Callable, Iterator

import billing
import pytest
import trio
from trio.testing import MockClock

from kiq_trio import worker
from kiq_trio.testing import World, assert_idempotent

pytestmark = pytest.mark.trio


@pytest.fixture
def ledgers(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return what makes a new world for each crash, and describes it afterwards."""

    def world() -> Iterator[Callable[[], object]]:
        bank, receipts = billing.Bank(), dict[int, str]()
        monkeypatch.setattr(billing, "bank", bank)
        monkeypatch.setattr(billing, "receipts", receipts)
        yield lambda: (bank.charges, receipts)

    return world


async def test_an_order_is_billed_once(
    autojump_clock: MockClock, ledgers: World
) -> None:
    await assert_idempotent(billing.bill, [42, 999], world=ledgers)


async def test_a_bill_without_a_key_is_caught(
    autojump_clock: MockClock, ledgers: World
) -> None:
    @worker()
    async def careless(order: int, cents: int) -> None:
        key = f"{order} at {trio.current_time()}"
        await billing.bank.charge(key, cents)

    with pytest.raises(AssertionError, match="careless is not idempotent"):
        await assert_idempotent(careless, [42, 999], world=ledgers)
