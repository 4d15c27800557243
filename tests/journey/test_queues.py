"""Queues are paused for the whole cluster, and resized while they are worked off."""

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio import ConfigError, Kiq, NotRunningError, Timing, worker
from kiq_trio._wire.client import open_redis
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.seam import Server
from tests.journey.conftest import KiqMaker, Recorder, places
from tests.unkind import UnkindServer


@worker()
async def sleepy(seconds: float) -> None:
    await trio.sleep(seconds)


@worker(queue="mail")
async def letter() -> None: ...


def running(kiq: Kiq) -> int:
    plant = kiq._running().plant
    assert plant is not None
    return len(plant.ledger.running)


def team(kiq: Kiq) -> int:
    plant = kiq._running().plant
    assert plant is not None
    return sum(len(crew.consumers) for crew in plant.crews)


async def shown(kiq: Kiq) -> dict[str, Any]:
    plant = kiq._running().plant
    assert plant is not None
    found: bytes = await kiq.redis.raw("HGET", plant.lease.identity, "info")
    info: dict[str, Any] = json.loads(found)
    return info


async def test_from_a_paused_queue_nothing_is_taken_until_it_is_resumed(
    server: Server, recorder: Recorder
) -> None:
    async with (
        Kiq(
            redis_url=server,
            workers=[sleepy, letter],
            queues={"default": 2, "mail": 2},
            extra_reporters=[recorder],
        ) as kiq,
        Kiq(redis_url=server, server=False) as client,
    ):
        with trio.fail_after(20):
            assert await client.pause("mail")
            assert not await kiq.pause("mail")
            assert await client.paused() == ["mail"]
            await client.enqueue(letter.new())
            await client.enqueue(sleepy.new(0))
            await recorder.heard("Succeeded")
            assert list(await places(kiq)) == ["queue:mail"]

            assert await client.resume("mail")
            assert not await client.resume("mail")
            await recorder.heard("Succeeded", 2)
        assert await client.paused() == []


async def test_a_pause_costs_nothing_and_ends_at_once_in_process(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[letter], queues={"mail": 1}) as kiq:
        await kiq.pause("mail")
        await kiq.enqueue(letter.new())
        # A year: looking every 2 s would take minutes.
        await trio.sleep(365 * 86_400)
        assert "Started" not in recorder.names

        resumed_at = trio.current_time()
        await kiq.resume("mail")
        await recorder.heard("Succeeded")

        assert trio.current_time() - resumed_at < 1


async def test_more_jobs_run_at_once_as_soon_as_they_may(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(workers=[sleepy], queues={"default": 2}) as kiq:
        await kiq.enqueue_many([sleepy.new(100) for _ in range(10)])
        await trio.sleep(1)
        assert running(kiq) == 2

        kiq.resize("default", 7)
        await trio.sleep(1)

        assert running(kiq) == 7


async def test_fewer_jobs_run_at_once_when_those_too_many_have_ended(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[sleepy], queues={"default": 5}) as kiq:
        await kiq.enqueue_many([sleepy.new(100) for _ in range(12)])
        await trio.sleep(1)

        kiq.configure(queues={"default": 2})
        await trio.sleep(50)
        assert running(kiq) == 5
        await trio.sleep(100)

        assert running(kiq) == 2
        assert team(kiq) == 2
        await kiq.wait_idle()
        assert recorder.names.count("Succeeded") == 12


async def test_idle_consumers_leave_first(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(workers=[sleepy], queues={"default": 5}) as kiq:
        await kiq.enqueue_many([sleepy.new(100) for _ in range(2)])
        await recorder.heard("Started", 2)

        kiq.resize("default", 3)
        await wait_all_tasks_blocked()

        assert (team(kiq), running(kiq)) == (3, 2)
        await kiq.enqueue_many([sleepy.new(100) for _ in range(3)])
        await trio.sleep(1)
        assert running(kiq) == 3


async def test_nothing_is_remembered_of_those_who_have_left(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(queues={"default": 1}) as kiq:
        for _ in range(3):
            kiq.resize("default", 9)
            await wait_all_tasks_blocked()
            kiq.resize("default", 1)
            await wait_all_tasks_blocked()

        plant = kiq._running().plant
        assert plant is not None
        assert len(plant.ledger.tasks) == team(kiq) == 1


async def test_whoever_was_to_leave_stays_when_it_is_wanted_again(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(workers=[sleepy], queues={"default": 4}) as kiq:
        await kiq.enqueue_many([sleepy.new(100) for _ in range(20)])
        await trio.sleep(1)

        kiq.resize("default", 1)
        kiq.resize("default", 3)
        kiq.resize("default", 6)
        await trio.sleep(1)

        assert (team(kiq), running(kiq)) == (6, 6)
        kiq.resize("default", 1)
        kiq.resize("default", 2)
        await trio.sleep(150)
        assert (team(kiq), running(kiq)) == (2, 2)


async def test_jobs_that_come_for_those_who_have_left_go_back(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    clock: TrioClock,
) -> None:
    unkind = UnkindServer(clock)
    async with make_kiq(
        redis_url=unkind, workers=[sleepy], queues={"default": 6}
    ) as kiq:
        jobs = [sleepy.new(10).set(jid=f"{n}").encode() for n in range(6)]
        async with open_redis(unkind.kind_door()) as door:
            unkind.delay = 1.0
            await door.raw("LPUSH", "queue:default", *jobs)
            await trio.sleep(0.5)
            # What was asked for when there were six of us is under way.
            kiq.resize("default", 2)
            await trio.sleep(1)
            unkind.delay = 0.0
            await trio.sleep(1)

            assert running(kiq) == 2
            assert await door.raw("LLEN", "queue:default") == 4
        await trio.sleep(100)
        assert recorder.started() == [f"{n}" for n in range(6)]


async def test_people_see_the_new_number(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(queues={"default": 4, "mail": 1}, timing=Timing()) as kiq:
        kiq.resize("mail", 3)
        await trio.sleep(11)

        info = await shown(kiq)
        assert info["concurrency"] == 7
        assert info["capsules"]["mail"]["concurrency"] == 3
        assert kiq.config.concurrency == {"default": 4, "mail": 1}


async def test_threads_follow_the_number_of_jobs_unless_it_is_given(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    for threads, tokens in ((None, 9), (2, 2)):
        async with make_kiq(queues={"default": 4}, threads=threads) as kiq:
            kiq.resize("default", 9)

            plant = kiq._running().plant
            assert plant is not None
            assert plant.runner.threads.total_tokens == tokens


async def test_what_cannot_be_is_refused_and_changes_nothing(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(queues={"default": 4, "mail": 1}) as kiq:
        with pytest.raises(ConfigError, match=r"no queue 'post' .* \(default, mail\)"):
            kiq.configure(queues={"mail": 2, "post": 1}, quiet=True)
        with pytest.raises(ConfigError, match=r"queues\['mail'\] must be a whole"):
            kiq.resize("mail", 0)
        with pytest.raises(ConfigError, match="queue must be 1 to 128"):
            await kiq.pause("a b")
        with pytest.raises(ConfigError, match="queue must be 1 to 128"):
            await kiq.resume("")
        assert team(kiq) == 5

    with pytest.raises(NotRunningError):
        kiq.resize("mail", 2)
    async with make_kiq(server=False) as client:
        with pytest.raises(ConfigError, match=r"no queue 'mail' is worked .*\(none\)"):
            client.resize("mail", 2)


async def test_a_resized_process_stops_as_any_other(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with make_kiq(
        workers=[sleepy], queues={"default": 2}, shutdown_timeout=5
    ) as kiq:
        kiq.resize("default", 4)
        await kiq.enqueue_many([sleepy.new(100) for _ in range(6)])
        await recorder.heard("Started", 4)
        kiq.resize("default", 1)

    assert recorder.names.count("Interrupted") == 4
    async with make_kiq(server=False) as later:
        assert len((await places(later))["queue:default"]) == 6


@worker(queue="billing")
async def bill() -> None: ...


@worker(queue="billing")
async def remind() -> None: ...


async def test_who_starts_is_told_once_of_workers_whose_queue_it_does_not_work_off(
    make_kiq: KiqMaker, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async with make_kiq(workers=[bill, sleepy, letter, remind]):
        await trio.sleep(100)

    [warning] = [one for one in caplog.messages if "does not work off" in one]
    assert warning == (
        "jobs of bill, remind wait in 'billing', jobs of letter wait in 'mail', "
        "which this Kiq does not work off (queues: default)"
    )


@pytest.mark.parametrize(
    "options",
    [{"server": False}, {"test_mode": "sandbox"}, {"queues": {"mail": 1}}],
    ids=["client", "sandbox", "served"],
)
async def test_who_works_off_nothing_or_all_is_told_nothing_of_other_queues(
    make_kiq: KiqMaker, caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    async with make_kiq(workers=[letter], **options):
        pass

    assert not [one for one in caplog.messages if "does not work off" in one]
