"""In a sandbox every job is kept, and each test sees its own."""

import socket
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import IGNORE, ConfigError, Job, Kiq, NotRunningError, _wire, worker
from kiq_trio.testing import Sandbox
from tests.testing.jobs import make_kiq, report, welcome


async def test_nothing_is_connected_whatever_the_url_says(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a sandbox opened a socket")

    monkeypatch.setattr(trio, "open_tcp_stream", refuse)
    monkeypatch.setattr(socket, "socket", refuse)

    async with make_kiq().sandboxed() as sandbox:
        await trio.sleep(3600)

    assert sandbox.enqueued() == []


async def test_who_lacks_the_extra_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lack(name: str) -> Any:
        raise ModuleNotFoundError(f"for {name}", name="fakeredis")

    monkeypatch.delattr(_wire, "memory", raising=False)
    monkeypatch.setattr(_wire, "__getattr__", lack)

    with pytest.raises(ConfigError, match=r"install kiq-trio\[memory\]"):
        async with make_kiq().sandboxed():
            pass


async def test_every_way_to_enqueue_is_recorded_in_order() -> None:
    kiq = make_kiq()

    async with kiq.sandboxed() as sandbox:
        await kiq.enqueue(welcome.new(1))
        kiq.enqueue_nowait(welcome.new(2))
        await kiq.enqueue_many([welcome.new(3), welcome.new(4)])
        await kiq.enqueue({"class": "External", "args": [5]}, in_=60)

        assert [job.args[0] for job in sandbox.enqueued()] == [1, 2, 3, 4, 5]


async def test_what_is_recorded_is_the_job_as_it_is_stored() -> None:
    kiq = make_kiq()

    async with kiq.sandboxed() as sandbox:
        made = await kiq.enqueue(report.new({"of": (1, 2)}))

        [job] = sandbox.enqueued()

    assert job.jid == made.jid
    assert job.args == [{"of": [1, 2]}]


async def test_a_job_that_was_refused_is_not_recorded() -> None:
    kiq = make_kiq()

    async with kiq.sandboxed() as sandbox:
        with pytest.raises(ConfigError):
            await kiq.enqueue(welcome.new(1), in_=-1)

        sandbox.refute_enqueued()


async def test_what_is_recorded_of_the_cancelled_is_what_is_stored() -> None:
    found = set()
    for moment in range(8):
        kiq = make_kiq()
        async with kiq.sandboxed() as sandbox:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(kiq.enqueue, welcome.new(1))
                for _ in range(moment):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
            await kiq.flush()
            stored = await kiq.redis.raw("LLEN", "queue:mail")

            assert len(sandbox.enqueued()) == stored
            found.add(stored)

    assert found == {0, 1}


async def test_nothing_is_run_in_a_sandbox(autojump_clock: MockClock) -> None:
    ran: list[int] = []

    @worker()
    async def note() -> None:
        ran.append(1)

    kiq = make_kiq(workers=[note])

    async with kiq.sandboxed():
        await kiq.enqueue(note.new())
        await trio.sleep(3600)

    assert ran == []


async def test_the_application_may_enter_its_kiq_inside_of_the_sandbox() -> None:
    kiq = make_kiq()

    async with kiq.sandboxed() as sandbox:
        async with kiq:
            await kiq.enqueue(welcome.new(1))
        async with kiq:
            await kiq.enqueue(welcome.new(2))

        sandbox.assert_enqueued(welcome, count=2)


async def test_to_enter_a_kiq_twice_is_a_mistake_in_a_sandbox_as_well() -> None:
    kiq = make_kiq()

    async with kiq.sandboxed(), kiq:
        with pytest.raises(RuntimeError, match="started already"):
            async with kiq:
                pass


async def test_a_kiq_is_as_before_when_its_sandbox_is_closed(
    autojump_clock: MockClock,
) -> None:
    kiq = make_kiq(redis_url="memory://", server=False)

    async with kiq.sandboxed():
        await kiq.enqueue(welcome.new(1))
    with pytest.raises(NotRunningError):
        await kiq.enqueue(welcome.new(2))
    async with kiq:
        await kiq.enqueue(welcome.new(3))
        assert await kiq.redis.raw("LLEN", "queue:mail") == 1


async def test_a_kiq_that_runs_is_not_put_into_a_sandbox(
    autojump_clock: MockClock,
) -> None:
    async with make_kiq(redis_url="memory://") as kiq:
        with pytest.raises(RuntimeError, match="running already"):
            async with kiq.sandboxed():
                pass
        with pytest.raises(RuntimeError, match="not in a sandbox"):
            _ = kiq.sandbox


async def test_the_sandbox_starts_with_the_options_of_init() -> None:
    class AppKiq(Kiq):
        def init(self, opts: dict[str, Any]) -> Any:
            self.asked = getattr(self, "asked", 0) + 1
            return {**opts, "workers": [welcome]} if opts.get("tag") else IGNORE

    kiq = AppKiq(tag="app", redis_url="redis://redis.invalid")

    async with kiq.sandboxed() as sandbox, kiq:
        assert list(kiq.config.workers) == ["welcome"]
        await kiq.enqueue(welcome.new(1))
        sandbox.assert_enqueued(welcome)
    assert kiq.asked == 1
    with pytest.raises(RuntimeError, match="its init returned IGNORE"):
        async with AppKiq().sandboxed():
            pass


async def test_test_mode_makes_the_block_of_a_kiq_a_sandbox() -> None:
    async with make_kiq(test_mode="sandbox") as kiq:
        await kiq.enqueue(welcome.new(42))

        kiq.sandbox.assert_enqueued(welcome, args=[42])


async def test_a_test_mode_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"test_mode must be one of .*'fake'"):
        make_kiq(test_mode="fake")


class TestScopes:
    """Several tests may share one Kiq."""

    async def test_each_sees_its_own_jobs_and_shared_sees_all(self) -> None:
        kiq = make_kiq()

        async def test(number: int) -> None:
            async with outer.scope() as sandbox:
                await kiq.enqueue(welcome.new(number))
                await trio.testing.wait_all_tasks_blocked()
                [job] = sandbox.assert_enqueued(welcome)
                assert job.args[0] == number
                sandbox.assert_enqueued(welcome, scope="shared", count=3)

        async with kiq.sandboxed() as outer, trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(test, number)
        outer.refute_enqueued()

    async def test_jobs_of_child_tasks_and_threads_belong_to_the_scope(self) -> None:
        kiq = make_kiq()

        def thread() -> None:
            trio.from_thread.run(kiq.enqueue, welcome.new(2))

        async def child() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(kiq.enqueue, welcome.new(1))
            await trio.to_thread.run_sync(thread)

        async with kiq.sandboxed() as outer:
            async with outer.scope() as inner, trio.open_nursery() as nursery:
                nursery.start_soon(child)
            inner.assert_enqueued(welcome, count=2)
            outer.refute_enqueued()

    async def test_a_sandbox_within_a_sandbox_is_a_scope(self) -> None:
        kiq = make_kiq()

        async with kiq.sandboxed() as outer:
            async with kiq.sandboxed() as inner:
                await kiq.enqueue(welcome.new(1))
            await kiq.enqueue(welcome.new(2))

        assert [job.args[0] for job in inner.enqueued()] == [1]
        assert [job.args[0] for job in outer.enqueued()] == [2]

    async def test_two_instances_have_nothing_to_do_with_each_other(self) -> None:
        one, two = make_kiq(), make_kiq()

        async with one.sandboxed() as first, two.sandboxed() as second:
            async with first.scope() as inner:
                await one.enqueue(welcome.new(1))
                await two.enqueue(welcome.new(2))
            inner.assert_enqueued(welcome, args=[1, "en"], count=0)
            inner.assert_enqueued(args=[1], count=1)
            second.assert_enqueued(args=[2], count=1)
            first.refute_enqueued()

    async def test_a_task_that_outlives_its_scope_is_in_the_one_around(self) -> None:
        kiq = make_kiq()
        go_on = trio.Event()

        async def straggler() -> None:
            await go_on.wait()
            await kiq.enqueue(welcome.new(1))

        async with kiq.sandboxed() as outer, trio.open_nursery() as nursery:
            async with outer.scope() as inner:
                nursery.start_soon(straggler)
                await trio.testing.wait_all_tasks_blocked()
            go_on.set()
        assert inner.enqueued() == []
        outer.assert_enqueued(welcome)

    async def test_a_scope_that_is_none_is_refused(self) -> None:
        async with make_kiq().sandboxed() as sandbox:
            with pytest.raises(ConfigError, match='"sandbox" or "shared"'):
                sandbox.enqueued(scope="own")  # type: ignore[arg-type]  # on purpose.


class TestAssertions:
    """Only what is given counts, and a failure says what was there instead."""

    @pytest.fixture
    async def sandbox(self) -> Any:
        kiq = make_kiq(clock=lambda: 1_800_000_000.0)
        async with kiq.sandboxed() as sandbox:
            await kiq.enqueue(welcome.new(42))
            await kiq.enqueue(welcome.set(queue="low").new(42, "fr"), in_=60)
            await kiq.enqueue({"class": "Ruby::Job", "args": [], "retry": 3})
            yield sandbox

    async def test_a_job_is_meant_by_a_worker_its_name_or_a_call(
        self, sandbox: Sandbox
    ) -> None:
        assert len(sandbox.assert_enqueued(welcome)) == 2
        assert len(sandbox.assert_enqueued("welcome")) == 2
        assert len(sandbox.assert_enqueued(class_=welcome)) == 2
        assert len(sandbox.assert_enqueued(class_="Ruby::Job")) == 1
        assert len(sandbox.assert_enqueued(welcome.new(42, locale="fr"))) == 1
        assert len(sandbox.assert_enqueued({"class": "Ruby::Job", "args": ()})) == 1
        assert len(sandbox.assert_enqueued()) == 3

    async def test_what_json_has_no_word_for_is_what_it_is_written_as(self) -> None:
        day = date(2027, 1, 15)
        kiq = make_kiq()
        async with kiq.sandboxed() as sandbox:
            await kiq.enqueue({"class": "Print", "args": [day, {"on": day}]})
            sandbox.assert_enqueued("Print", args=[day, {"on": day}])
            sandbox.assert_enqueued({"class": "Print", "args": [day, ANY]})
            sandbox.assert_enqueued(Job(job_class="Print", args=(day, {"on": day})))
            sandbox.refute_enqueued("Print", args=[date(2027, 1, 16), ANY])
            sandbox.refute_enqueued("Print", args=[object(), ANY])

    async def test_all_fields_given_must_fit(self, sandbox: Sandbox) -> None:
        sandbox.assert_enqueued(welcome, queue="low", args=[42, "fr"], retry=5)
        sandbox.assert_enqueued("Ruby::Job", retry=3, created_at=int)
        sandbox.refute_enqueued(welcome, queue="low", args=[42])
        sandbox.refute_enqueued("Ruby::Job", unheard_of=1)

    async def test_a_time_may_be_said_in_many_ways(self, sandbox: Sandbox) -> None:
        at = datetime.fromtimestamp(1_800_000_060, UTC)

        for fields in (
            {"in_": 60},
            {"in_": timedelta(minutes=1)},
            {"in_": lambda delay: delay and delay > 59},
            {"at": at},
            {"at": 1_800_000_060.4},
            {"at": float},
        ):
            assert len(sandbox.assert_enqueued(**fields)) == 1, fields
        assert len(sandbox.assert_enqueued(at=None)) == 2
        assert len(sandbox.assert_enqueued(in_=None)) == 2
        sandbox.refute_enqueued(in_=62)

    async def test_a_failure_shows_what_was_enqueued_the_nearest_first(
        self, sandbox: Sandbox
    ) -> None:
        with pytest.raises(AssertionError) as failure:
            sandbox.assert_enqueued(welcome, args=[43], in_=60, retry=4)

        assert str(failure.value).splitlines() == [
            "no such job was enqueued: class='welcome', args=[43], in_=60, retry=4",
            "Enqueued instead, the nearest first:",
            "  welcome(42, 'fr') on low, in 60 s; differs in args, retry (is 5)",
            "  welcome(42) on mail, now; differs in args, in_, retry (is 5)",
            "  Ruby::Job() on default, now; differs in class, args, in_, retry (is 3)",
        ]

    async def test_a_wrong_number_shows_those_that_fit(self, sandbox: Sandbox) -> None:
        with pytest.raises(AssertionError) as failure:
            sandbox.assert_enqueued(welcome, count=1)

        assert str(failure.value).splitlines() == [
            "1 job should have been enqueued, but 2 were: class='welcome'",
            "  welcome(42) on mail, now",
            "  welcome(42, 'fr') on low, in 60 s",
        ]
        with pytest.raises(AssertionError, match="no such job was enqueued"):
            sandbox.assert_enqueued(welcome, args=[1], count=2)
        assert sandbox.assert_enqueued(welcome, args=[1], count=0) == []

    async def test_a_refutation_that_fails_shows_what_should_not_be(
        self, sandbox: Sandbox
    ) -> None:
        with pytest.raises(AssertionError) as failure:
            sandbox.refute_enqueued(queue="mail")

        assert str(failure.value).splitlines() == [
            "such a job was enqueued: queue='mail'",
            "  welcome(42) on mail, now",
        ]

    async def test_a_long_list_and_long_arguments_are_cut(self) -> None:
        kiq = make_kiq()
        async with kiq.sandboxed() as sandbox:
            await kiq.enqueue_many(report.new({"text": "x" * 999}) for _ in range(25))
            with pytest.raises(AssertionError) as failure:
                sandbox.assert_enqueued(welcome)

        lines = str(failure.value).splitlines()
        assert len(lines) == 13
        assert lines[-1] == "  and 15 more"
        assert max(map(len, lines)) < 120

    async def test_where_nothing_was_enqueued_it_says_so(self) -> None:
        async with make_kiq().sandboxed() as sandbox:
            with pytest.raises(AssertionError) as failure:
                sandbox.assert_enqueued()

        assert str(failure.value) == (
            "no such job was enqueued: any at all\nNor was any other."
        )

    async def test_what_was_forgotten_is_not_found_again(
        self, sandbox: Sandbox
    ) -> None:
        sandbox.forget()

        sandbox.refute_enqueued()

    @pytest.mark.parametrize(
        ("job", "fields", "said"),
        [
            (5, {}, "give a worker, the name of one, or a job, got 5"),
            (None, {"at": datetime(2026, 1, 1)}, "at must have a time zone"),  # noqa: DTZ001 - on purpose.
            (None, {"in_": "60"}, "in_ must be seconds"),
        ],
    )
    async def test_what_cannot_be_meant_is_refused(
        self, sandbox: Sandbox, job: Any, fields: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(ConfigError, match=said):
            sandbox.enqueued(job, **fields)
