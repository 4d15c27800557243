"""What `init` says when a Kiq starts: other options, or that nothing starts."""

import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import IGNORE, ConfigError, Kiq, NotRunningError, worker


@worker()
async def greet() -> None: ...


class AppKiq(Kiq):
    redis_url = "memory://"
    queues = {"default": 5}  # noqa: RUF012 - what users write.


class Ignored(AppKiq):
    async def init(self, opts: dict[str, Any]) -> Any:
        await trio.lowlevel.checkpoint()
        return IGNORE


class Mended(AppKiq):
    """Returns what it is told to, and remembers what it was given."""

    def __init__(self, answer: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.answer = answer
        self.seen: list[dict[str, Any]] = []

    def init(self, opts: dict[str, Any]) -> Any:
        self.seen.append(dict(opts))
        return {**opts, **self.answer} if isinstance(self.answer, dict) else self.answer


async def test_init_goes_before_the_class_and_the_caller(
    autojump_clock: MockClock,
) -> None:
    kiq = Mended({"queues": {"high": 1}}, queues={"low": 2}, tag="a")
    assert kiq.config.concurrency == {"low": 2}

    async with kiq:
        assert kiq.config.concurrency == {"high": 1}

    assert kiq.seen == [{"redis_url": "memory://", "queues": {"low": 2}, "tag": "a"}]


async def test_what_is_overridden_goes_before_init(autojump_clock: MockClock) -> None:
    kiq = Mended({"queues": {"high": 1}, "tag": "mine"})
    kiq.override(queues={"low": 3})

    async with kiq:
        assert (kiq.config.concurrency, kiq.config.tag) == ({"low": 3}, "mine")
        with pytest.raises(RuntimeError, match="is started already"):
            kiq.override(tag="late")


async def test_init_may_be_async_and_may_change_what_it_is_given(
    autojump_clock: MockClock,
) -> None:
    class Later(AppKiq):
        async def init(self, opts: dict[str, Any]) -> dict[str, Any]:
            await trio.sleep(1)
            opts["queues"]["mail"] = 3
            return opts

    kiq = Later()
    for _ in range(2):
        async with kiq:
            assert kiq.config.concurrency == {"default": 5, "mail": 3}
    assert AppKiq.queues == {"default": 5}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "init must return the options or IGNORE, got None"),
        ({"queues": {"mail": 0}}, r"queues\['mail'\] must be a whole number"),
        ({"queus": {}}, "unknown option 'queus'; did you mean 'queues'"),
        ({5: 1}, "unknown option 5 "),
        ({"redis_url": "http://a"}, "scheme must be one of"),
    ],
)
async def test_what_init_returns_is_checked_and_may_be_mended(
    autojump_clock: MockClock, answer: Any, message: str
) -> None:
    kiq = Mended(answer)

    with pytest.raises(ConfigError, match=message):
        await kiq.__aenter__()

    kiq.answer = {}
    async with kiq:
        await kiq.enqueue({"class": "greet"})


async def test_a_url_in_client_opts_is_kiqs_spelling_in_init_too(
    autojump_clock: MockClock,
) -> None:
    kiq = Mended({"client_opts": {"redis_url": "memory://"}}, redis_url="redis://a:1/0")

    async with kiq:
        assert "memory://" in repr(kiq)
        assert kiq.config.timing.sweep >= 86_400


async def test_the_environment_is_read_at_the_start(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://early:1/0")
    kiq = Kiq(server=False)
    assert "early:1" in repr(kiq)
    monkeypatch.setenv("REDIS_URL", "memory://")

    async with kiq:
        assert "memory://" in repr(kiq)


async def test_nothing_starts_if_init_says_ignore(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Ignored() as kiq:
        assert kiq.is_ignored
        with pytest.raises(NotRunningError, match="its init returned IGNORE"):
            await kiq.enqueue(greet.new())
        with pytest.raises(NotRunningError, match="its init returned IGNORE"):
            kiq.enqueue_nowait(greet.new())
        with pytest.raises(NotRunningError, match="its init returned IGNORE"):
            _ = kiq.redis
        with pytest.raises(RuntimeError, match="is started already"):
            await kiq.__aenter__()

    assert "nothing is started, since its init returned IGNORE" in caplog.text


async def test_what_is_ignored_runs_no_longer_than_it_takes_to_say_so(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        kiq = await nursery.start(Ignored().run)

        assert isinstance(kiq, Ignored)
        assert kiq.is_ignored


async def test_one_that_was_ignored_may_be_started_later(
    autojump_clock: MockClock,
) -> None:
    kiq, facts = Mended(IGNORE), []
    async with kiq:
        facts.append(kiq.is_ignored)

    kiq.answer = {}
    async with kiq:
        facts.append(kiq.is_ignored)
        await kiq.enqueue(greet.new())

    assert facts == [True, False]


async def test_a_server_in_the_process_keeps_its_jobs_until_the_url_changes(
    autojump_clock: MockClock,
) -> None:
    kiq = Mended({}, server=False)

    async with kiq:
        await kiq.enqueue(greet.new())
    async with kiq:
        assert await kiq.redis.llen("queue:default") == 1
    kiq.answer = {"redis_url": "memory://#another"}
    async with kiq:
        assert await kiq.redis.llen("queue:default") == 0


async def test_it_cannot_be_started_while_its_init_is_asked(
    autojump_clock: MockClock,
) -> None:
    class Slow(AppKiq):
        async def init(self, opts: dict[str, Any]) -> dict[str, Any]:
            await trio.sleep(10)
            return opts

    kiq = Slow()
    async with trio.open_nursery() as nursery:
        await nursery.start(_begin, kiq)
        with pytest.raises(RuntimeError, match="is started already"):
            await kiq.__aenter__()
        nursery.cancel_scope.cancel()

    async with kiq:
        await kiq.enqueue(greet.new())


async def _begin(
    kiq: Kiq, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    task_status.started()
    async with kiq:
        await trio.sleep_forever()
