"""Arguments arrive as what they were sent as; what does not fit fails its job."""

from datetime import UTC, datetime

import attrs
import pytest
from trio.testing import MockClock

from kiq_trio import ArgumentError, EncodeError, worker
from kiq_trio.events import Ended, Failed
from tests.journey.conftest import KiqMaker, Recorder


@attrs.define
class User:
    name: str
    born: datetime


GRACE = User("Grace", datetime(1906, 12, 9, tzinfo=UTC))


async def test_typed_arguments_go_through_redis_for_both_kinds_of_workers(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    seen: list[tuple[User, int]] = []

    @worker()
    async def greet(user: User, times: int) -> None:
        seen.append((user, times))

    @worker(timeout=60)
    def greet_slowly(user: User, times: int) -> None:
        seen.append((user, times))

    async with make_kiq(workers=[greet, greet_slowly]) as kiq:
        await kiq.enqueue(greet.new(GRACE, 2**70))
        await kiq.enqueue({"class": "greet_slowly", "args": [GRACE, 2]})
        await kiq.wait_idle()

    assert sorted(seen, key=lambda call: -call[1]) == [(GRACE, 2**70), (GRACE, 2)]


async def test_a_payload_that_does_not_fit_is_a_failure_to_be_retried(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    @worker(retry=0)
    async def greet(user: User) -> None: ...

    async with make_kiq(workers=[greet]) as kiq:
        await kiq.enqueue({"class": "greet", "args": [{"name": "Grace"}]})
        failed = await recorder.heard("Failed")

    assert isinstance(failed, Ended)
    assert isinstance(failed.outcome, Failed)
    assert isinstance(failed.outcome.error, ArgumentError)
    assert str(failed.outcome.error) == (
        "greet(): the argument 'user' must be tests.journey.test_arguments.User: "
        "required field missing @ user.born"
    )


async def test_what_a_hook_fails_at_is_refused_with_the_class_and_the_place(
    make_kiq: KiqMaker,
) -> None:
    user = User("Grace", "1906-12-09")  # type: ignore[arg-type]  # the mistake.

    async with make_kiq(server=False) as kiq:
        with pytest.raises(EncodeError, match=r"^greet: args\[1\]\.born: "):
            await kiq.enqueue({"class": "greet", "args": [1, user]})
