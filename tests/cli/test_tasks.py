"""`kiq-trio tasks` asks running processes, and they answer."""

import json
import signal
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from kiq_trio import ConfigError
from kiq_trio._store.dumping import write_dump
from kiq_trio._store.registering import read_counters, register
from kiq_trio.cli.gathering import gather_dumps
from kiq_trio.cli.task_tree import find_jobs
from tests.cli.program import LONG, Talk, started
from tests.conftest import EPOCH
from tests.journey.conftest import KiqMaker, Recorder, make_kiq, memory, recorder
from tests.servers import RealServer
from tests.services.test_stacks import ledger_of, wait_deep

__all__ = ["make_kiq", "memory", "recorder"]


def now() -> float:
    return EPOCH


async def test_every_process_answers_who_asks(
    autojump_clock: MockClock, make_kiq: KiqMaker, recorder: Recorder
) -> None:
    async with (
        make_kiq(workers=[wait_deep], shutdown_timeout=0) as busy,
        make_kiq(queues={"other": 1}),
    ):
        job = await busy.enqueue(wait_deep.new())
        await recorder.heard("Started")
        gathered = await gather_dumps(busy.redis, None, patience=5, now=now)
        assert len(ledger_of(busy).running) == 1

    assert len(gathered.dumps) == 2
    assert (gathered.silent, gathered.unclear) == ((), ())
    found = [find_jobs(dump.tasks) for dump in gathered.dumps.values()]
    jids = [tasks[0].work.jid for jobs in found for tasks in jobs if tasks[0].work]
    assert jids == [job.jid]


async def test_only_who_is_meant_is_asked(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq() as kiq, make_kiq():
        one, two = sorted(await read_counters(kiq.redis))
        gathered = await gather_dumps(kiq.redis, one, patience=5, now=now)
        both = await gather_dumps(
            kiq.redis, two.rpartition(":")[0], patience=5, now=now
        )

    assert [*gathered.dumps] == [one]
    assert sorted(both.dumps) == [one, two]


async def test_who_does_not_answer_is_named_in_time(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq() as kiq:
        await register(kiq.redis, "silent:1:a")
        began = trio.current_time()
        gathered = await gather_dumps(kiq.redis, None, patience=5, now=now)

    assert gathered.silent == ("silent:1:a",)
    assert len(gathered.dumps) == 1
    assert trio.current_time() - began == pytest.approx(5, abs=0.1)


async def test_an_answer_of_another_version_is_told_from_silence(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kiq_trio.cli.gathering.secrets.token_hex", lambda _: "token")
    async with make_kiq(server=False) as kiq:
        await register(kiq.redis, "new:1:a")
        await write_dump(kiq.redis, "token", "new:1:a", b'{"version": 9}')
        gathered = await gather_dumps(kiq.redis, None, patience=5, now=now)

    assert gathered.unclear == ("new:1:a",)
    assert (gathered.dumps, gathered.silent) == ({}, ())


async def test_who_is_not_there_is_not_waited_for(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq(server=False) as kiq:
        assert not (await gather_dumps(kiq.redis, None, patience=5, now=now)).dumps
        with pytest.raises(ConfigError, match=r"called 'x' \(registered: none\)"):
            await gather_dumps(kiq.redis, "x", patience=5, now=now)


@pytest.fixture
def talk(real_server: RealServer) -> Iterator[Talk]:
    with real_server.client() as client:
        client.flushall()
        yield Talk(client)
        client.flushall()


@pytest.mark.slow
@pytest.mark.server
def test_the_line_that_a_job_waits_on_is_shown(
    real_server: RealServer, talk: Talk
) -> None:
    talk.enqueue("hold", "secret-name")

    with started("run", "chores", url=real_server.unix_url) as worker:
        assert talk.hear() == "secret-name began"
        [identity] = talk.client.hkeys("kiq:processes")
        host_and_pid = identity.decode().rpartition(":")[0]
        with started("tasks", url=real_server.unix_url) as command:
            said, _ = command.communicate(timeout=LONG)
        with started(
            "tasks", host_and_pid, "--json", "--all", url=real_server.unix_url
        ) as asking:
            told, _ = asking.communicate(timeout=LONG)
        with started("tasks", "nobody", url=real_server.unix_url) as mistaken:
            refused, _ = mistaken.communicate(timeout=LONG)
        talk.release("secret-name")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(LONG) == 0

    assert command.returncode == asking.returncode == 0
    assert "job jid-of-secret-name (hold, queue default), running for " in said
    assert 'await kiq.redis.blpop([f"release {name}"])' in said
    assert "chores.py" in said
    [process] = json.loads(told)["processes"]
    assert process["process"] == identity.decode()
    assert process["jobs"][0]["jid"] == "jid-of-secret-name"
    assert process["tasks"][0]["depth"] == 0
    assert mistaken.returncode != 0
    assert refused.startswith("kiq-trio: no process is called 'nobody'")
