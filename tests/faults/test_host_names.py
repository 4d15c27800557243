"""A name that cannot be resolved for a while is an outage, and is asked for anew."""

import logging
import socket
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import trio

from kiq_trio import Kiq
from tests.faults.durable import DurableServer
from tests.faults.inside import TIMING, Runs, note
from tests.wire.clients import until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

NAME = "redis.example"
GONE = 1.5
"""For so many seconds."""
BACK = 2.0
"""Seconds after which all is well again."""
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
UNANSWERED = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@attrs.define
class Names:
    """What the system says when it is asked for `NAME`: by us, and by redis-py.

    Attributes:
        answer: an address, or what is raised for want of one.
        questions: how often it was asked.
    """

    answer: str | Exception = UNKNOWN
    questions: int = 0

    def resolve(self, host: Any, *args: Any, **options: Any) -> Any:
        if host not in {NAME, NAME.encode()}:
            return REAL(host, *args, **options)
        if socket.AI_NUMERICHOST in {*args, *options.values()}:
            raise UNKNOWN
        self.questions += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return REAL(self.answer, *args, **options)

    async def come(self, answer: str) -> None:
        """Be there after a while."""
        await trio.sleep(GONE)
        self.answer = answer


REAL = socket.getaddrinfo


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.resolve)
    return names


@pytest.fixture
def server() -> Iterator[DurableServer]:
    """One that is to be had at two addresses."""
    with DurableServer(bind="127.0.0.1 127.0.0.2") as server:
        yield server


async def test_a_name_that_is_gone_for_a_while_is_an_outage_and_followed_later(
    server: DurableServer, names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kiq_trio")
    runs, url = Runs(), f"redis://{NAME}:{server.port}/0"
    kiq = Kiq(
        redis_url=url,
        workers=runs.workers(),
        timing=TIMING,
        # One after the other, so that they end as they began.
        queues={"default": 1},
    )
    with server.client(decode_responses=True) as client:

        def ends() -> set[str]:
            """At which addresses all lines but the test's own end."""
            lines = [one for one in client.client_list() if one["laddr"][0] != "/"]
            return {one["laddr"].rpartition(":")[0] for one in lines}

        async with trio.open_nursery() as nursery:
            # At the start,
            nursery.start_soon(names.come, "127.0.0.1")
            with trio.fail_after(GONE + BACK):
                await nursery.start(kiq.run)
            for number in range(5):
                await kiq.enqueue(note(number))
            await until(lambda: runs.ended.total() == 5)
            assert ends() == {"127.0.0.1"}

            # and later, when it means another address after it was gone.
            names.answer, before = UNANSWERED, names.questions
            client.client_kill_filter(_type="normal", skipme=True)
            for number in range(5, 10):
                nursery.start_soon(kiq.enqueue, note(number))
                await trio.sleep(GONE / 5)
            asked = names.questions - before
            names.answer = "127.0.0.2"
            await until(lambda: "is back after" in caplog.text, within=BACK)
            await until(lambda: runs.ended.total() == 10)
            await until(lambda: ends() == {"127.0.0.2"})
            kiq.stop()

    assert list(runs.ended) == [str(number) for number in range(10)]
    assert set(runs.begun.values()) == {1}
    assert caplog.text.count("registered as") == 1
    told = [one for one in caplog.records if one.name == "kiq_trio.redis"]
    kinds = [one.getMessage().split(" ", 3)[3] for one in told]
    assert [kind.split(",")[0].split(" after")[0] for kind in kinds] == [
        "cannot be reached",
        "is there",
        "is lost",
        "is back",
    ]
    # Each attempt asks anew, and none is made all the time.
    assert 2 <= asked <= 40 * GONE
