"""Tests of `shop.py`: a periodic job, a unique one, an expiring one, a reporter.

pip install 'kiq-trio[memory]' pytest-trio
pytest examples/test_shop.py
"""

import pytest
import shop
import trio
from trio.testing import MockClock

from kiq_trio import Kiq
from kiq_trio.testing import Sandbox

pytestmark = pytest.mark.trio

DAY = 86_400


@pytest.fixture
def kiq() -> Kiq:
    """Say which `Kiq` the fixture `kiq_sandbox` is for."""
    return shop.kiq


@pytest.fixture(autouse=True)
def nothing_was_heard() -> None:
    """Begin each test in silence."""
    shop.alarm.heard.clear()


async def test_a_code_is_sent(kiq_sandbox: Sandbox) -> None:
    await shop.kiq.enqueue(shop.send_code.new(42, code="1234"))

    kiq_sandbox.assert_enqueued(shop.send_code, args=[42, str], queue="mail")
    assert (await kiq_sandbox.drain()).succeeded == 1


async def test_a_product_waits_to_be_indexed_once(kiq_sandbox: Sandbox) -> None:
    first = await shop.kiq.enqueue(shop.index.new("tea"))
    again = await shop.kiq.enqueue(shop.index.new("tea"))

    assert again.duplicate_of == first.jid
    kiq_sandbox.assert_enqueued(shop.index, count=1)


async def test_a_code_that_is_too_late_is_not_sent(
    autojump_clock: MockClock, kiq_sandbox: Sandbox
) -> None:
    await shop.kiq.enqueue(shop.send_code.new(42, code="1234"))

    await trio.sleep(301)
    drained = await kiq_sandbox.drain()

    assert (drained.succeeded, drained.aborted) == (0, 1)
    assert shop.alarm.heard == ["expired"]


async def test_the_alarm_rings_when_a_code_cannot_be_sent(kiq_sandbox: Sandbox) -> None:
    await shop.kiq.enqueue(shop.send_code.new(-1, code="1234"))

    await kiq_sandbox.drain(raise_errors=False)

    assert shop.alarm.heard == ["there is no user -1"]


async def test_the_report_is_printed_on_five_days_of_a_week(
    autojump_clock: MockClock,
) -> None:
    async with Kiq(redis_url="memory://", workers=[shop.print_report]) as kiq:
        await trio.sleep(7 * DAY)

        assert kiq.stats.succeeded["print_report"] == 5
