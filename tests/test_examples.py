"""The examples are run, and the README says what they do."""

import ast
import asyncio
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from redis import Redis
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio import Kiq
from kiq_trio.clients import SyncClient
from tests.cli.program import LONG, started
from tests.conftest import EPOCH
from tests.servers import RealServer, free_port

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
README = (ROOT / "README.md").read_text()
CODE, OUTPUT = re.findall(r"```(?:python)?\n(.*?)```", README, re.DOTALL)[:2]


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def without_docstrings(source: str) -> str:
    """Return the code as Python reads it, but for what it says about itself."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case (
                ast.Module(body=body)
                | ast.FunctionDef(body=body)
                | ast.AsyncFunctionDef(body=body)
            ):
                match body[0]:
                    case ast.Expr(value=ast.Constant(value=str())):
                        del body[0]
    return ast.unparse(tree)


def test_the_readme_shows_the_code_of_hello() -> None:
    hello = (EXAMPLES / "hello.py").read_text()

    assert without_docstrings(CODE) == without_docstrings(hello)


@pytest.mark.slow
def test_hello_prints_what_the_readme_says() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "hello.py"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == OUTPUT


async def test_a_request_of_the_web_app_enqueues_a_job(
    autojump_clock: MockClock,
) -> None:
    example = load("web_app")

    async with Kiq(
        redis_url="memory://", queues={"mail": 10}, workers=[example.welcome]
    ) as kiq:
        client = example.make_app(kiq).test_client()
        answer = await client.post("/welcome", json={"user_id": 42})
        assert answer.status_code == 202
        assert len((await answer.get_json())["jid"]) == 24
        await kiq.wait_idle()
        await wait_all_tasks_blocked()
        answer = await client.get("/stats")

    assert await answer.get_json() == {"succeeded": {"welcome": 1}, "failed": {}}


@pytest.mark.slow
async def test_the_web_app_serves_until_it_is_told_to_stop() -> None:
    example = load("web_app")

    async with trio.open_nursery() as nursery:
        main = partial(example.main, "memory://", "127.0.0.1:0")
        [url] = await nursery.start(main)
        request = urllib.request.Request(
            f"{url}/welcome",
            data=json.dumps({"user_id": 42}).encode(),
            headers={"content-type": "application/json"},
        )
        answer = await trio.to_thread.run_sync(ask, request)
        signal.raise_signal(signal.SIGTERM)

    assert len(answer["jid"]) == 24


def ask(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=LONG) as answer:
        assert answer.status == 202
        return json.load(answer)


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        "test_billing.py",
        "test_jobs.py",
        "test_shop.py",
        pytest.param("test_flask_app.py", marks=pytest.mark.server),
    ],
)
def test_the_tests_of_the_example_pass(module: str) -> None:
    # Named, in case the package was installed before it had a plugin.
    plugins = ("-p", "pytest_kiq_trio", "-p", "no:cacheprovider")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, EXAMPLES / module],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.slow
@pytest.mark.server
def test_the_service_runs_what_another_process_enqueues(tmp_path: Path) -> None:
    url = f"embedded://{tmp_path / 'redis'}"

    with started("run", "service:kiq", url=url, cwd=EXAMPLES) as service:
        assert service.stdout is not None
        client = subprocess.run(
            [sys.executable, "service.py"],
            cwd=EXAMPLES,
            env={**os.environ, "REDIS_URL": url},
            capture_output=True,
            text=True,
            check=False,
            timeout=LONG,
        )
        assert (client.returncode, client.stderr) == (0, "")
        assert client.stdout == "four jobs are enqueued\n"
        while "the daily report is printed" not in (line := service.stdout.readline()):
            assert line, "the service ended by itself"
        service.send_signal(signal.SIGTERM)
        said, _ = service.communicate(timeout=LONG)

    assert service.returncode == 0, said


@pytest.mark.slow
@pytest.mark.server
def test_the_shop_of_the_tutorial_says_what_the_tutorial_says(tmp_path: Path) -> None:
    url = f"embedded://{tmp_path / 'redis'}"
    tutorial = (ROOT / "docs" / "tutorial.md").read_text()
    [of_client] = re.findall(r"```\n(tea is to be.*?)```", tutorial, re.DOTALL)
    [of_service] = re.findall(r"```\n(to user 42.*?)```", tutorial, re.DOTALL)
    awaited = set(of_service.splitlines())

    with started("run", "shop:kiq", url=url, cwd=EXAMPLES) as service:
        assert service.stdout is not None
        client = subprocess.run(
            [sys.executable, "shop.py"],
            cwd=EXAMPLES,
            env={**os.environ, "REDIS_URL": url},
            capture_output=True,
            text=True,
            check=False,
            timeout=LONG,
        )
        assert (client.returncode, client.stderr) == (0, "")
        assert client.stdout == of_client
        while awaited:
            line = service.stdout.readline()
            assert line, f"the service ended by itself, without {awaited}"
            awaited.discard(line.rstrip("\n"))
        # It has a Redis of its own to stop, which a SIGKILL would leave behind.
        service.send_signal(signal.SIGTERM)
        service.communicate(timeout=LONG)


def test_the_periodic_jobs_come_by_the_clock(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", "memory://")
    with monkeypatch.context() as patch:
        # A Friday, at eight o'clock and a bit.
        patch.setattr("time.time", lambda: EPOCH + 1)
        periodic = load("periodic")

    async def a_week() -> None:
        with trio.move_on_after(7 * 86_400):
            await periodic.main()

    trio.run(a_week, clock=MockClock(autojump_threshold=0))

    lines = [line for line in capsys.readouterr().out.splitlines() if line[0] != "{"]
    counts = {line: lines.count(line) for line in lines}
    assert counts == {
        "good morning": 5,
        "swept the attic": 7,
        "swept the kitchen": 7 * 4,
    }


@pytest.fixture
def used_by_examples(
    real_server: RealServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Redis]:
    """A look at the Redis that examples find."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("REDIS_URL", real_server.url)
    with real_server.client(decode_responses=True) as store:
        store.flushall()
        yield store


@pytest.mark.server
def test_the_flask_app_enqueues_each_reminder_once(used_by_examples: Redis) -> None:
    example = load("flask_app")

    with example.jobs:
        client = example.app.test_client()
        answers = [client.post("/reminders", data={"user_id": 42}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json == answers[1].json
    [payload] = cast("Any", used_by_examples.zrange("schedule", 0, -1))
    job = json.loads(payload)
    assert (job["class"], job["args"]) == ("Billing::Remind", [42])
    assert job["jid"] == answers[0].json["jid"]


@pytest.mark.server
def test_the_flask_app_says_when_redis_is_away(
    used_by_examples: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = load("flask_app")
    away = SyncClient(f"redis://127.0.0.1:{free_port()}", timeout=0.05)
    monkeypatch.setattr(example, "jobs", away)

    answer = example.app.test_client().post("/reminders", data={"user_id": 42})

    assert answer.status_code == 503
    assert "may or may not be stored" in answer.json["error"]


@pytest.mark.server
def test_the_asyncio_app_enqueues_many_at_once(used_by_examples: Redis) -> None:
    app = load("asyncio_app").app

    async def ask() -> Any:
        async with app.test_app() as running:
            answer = await running.test_client().post(
                "/reports",
                data="name=daily&name=weekly",
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
            return answer.status_code, (await answer.get_json())["jids"]

    status, jids = asyncio.run(ask())

    waiting: Any = used_by_examples.lrange("queue:reports", 0, -1)
    jobs = [json.loads(payload) for payload in reversed(waiting)]
    assert status == 202
    assert [job["args"] for job in jobs] == [["daily"], ["weekly"]]
    assert [job["jid"] for job in jobs] == jids
