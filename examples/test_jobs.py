"""Tests of `jobs.py`: none of them needs a Redis, and none of them waits.

    pip install 'kiq-trio[memory]' pytest-trio
    pytest examples/test_jobs.py

The fixture `kiq_sandbox` comes with kiq_trio. Each test gets one of its own.
"""

from unittest.mock import ANY

import jobs
import pytest
import trio
from trio.testing import MockClock

from kiq_trio import Kiq
from kiq_trio.testing import Sandbox, perform

pytestmark = pytest.mark.trio


@pytest.fixture
def kiq() -> Kiq:
    """Say which `Kiq` the sandbox is for; `kiq_trio_app = jobs:kiq` would as well."""
    return jobs.kiq


@pytest.fixture(autouse=True)
def nothing_was_sent() -> None:
    """Begin each test with an empty outbox."""
    jobs.outbox.clear()


async def test_who_signs_up_will_be_greeted(kiq_sandbox: Sandbox) -> None:
    await jobs.sign_up("ada@example.org")

    kiq_sandbox.assert_enqueued(jobs.greet, args=["ada@example.org"])


async def test_nobody_is_greeted_without_an_address(kiq_sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="is no address"):
        await jobs.sign_up("ada")

    kiq_sandbox.refute_enqueued(jobs.greet)


async def test_a_greeting_asks_how_it_is_after_three_days(kiq_sandbox: Sandbox) -> None:
    await kiq_sandbox.perform(jobs.greet.new("ada@example.org"))

    kiq_sandbox.assert_enqueued(jobs.send, count=2)
    kiq_sandbox.assert_enqueued(jobs.send, args=[ANY, "welcome"], in_=None)
    kiq_sandbox.assert_enqueued(jobs.send, queue="mail", in_=3 * 86_400)


async def test_both_mails_arrive(
    autojump_clock: MockClock, kiq_sandbox: Sandbox
) -> None:
    await jobs.sign_up("ada@example.org")

    await kiq_sandbox.drain(with_scheduled=True)

    assert [text for _, text in jobs.outbox] == ["welcome", "how is it?"]


async def test_a_mail_is_sent_again_while_the_server_is_down(
    autojump_clock: MockClock, kiq_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(address: str, text: str) -> None:
        raise ConnectionError("no mail today")

    monkeypatch.setattr(jobs.server, "deliver", refuse)
    await jobs.kiq.enqueue(jobs.send.new("ada@example.org", "welcome"))

    drained = await kiq_sandbox.drain(with_scheduled=True, raise_errors=False)

    assert (drained.failed, drained.retried, drained.dead) == (6, 5, 1)


async def test_a_mail_is_sent_while_the_user_waits(
    autojump_clock: MockClock, kiq_sandbox: Sandbox
) -> None:
    async with kiq_sandbox.inline():
        await jobs.sign_up("ada@example.org")

    assert len(jobs.outbox) == 2


async def test_one_worker_alone(autojump_clock: MockClock) -> None:
    assert await perform(jobs.send, "ada@example.org", text="hello") == 5

    assert jobs.outbox == [("ada@example.org", "hello")]


async def test_three_days_of_a_whole_process_take_no_time(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiq = Kiq(
        redis_url="memory://",
        queues=jobs.kiq.config.queues,
        workers=[jobs.send, jobs.greet],
    )
    monkeypatch.setattr(jobs, "kiq", kiq)

    async with kiq:
        await jobs.sign_up("ada@example.org")
        await trio.sleep(3 * 86_400 + 60)

    assert len(jobs.outbox) == 2
