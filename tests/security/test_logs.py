"""What the log, errors and names of ours tell: one entry each, and no secret."""

import ast
import io
import json
import logging
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

import kiq_trio
from kiq_trio import Job, Kiq, worker
from kiq_trio._pipeline.settlement import MESSAGE_LIMIT, Circumstances, assess
from kiq_trio._reporters.logger import Logger, describe
from kiq_trio._wire.address import Address
from kiq_trio._wire.redispy_clients import make_asyncio, make_sync
from kiq_trio._wire.servers import server_from_url
from kiq_trio.cli.logs import OneEntry
from kiq_trio.clients import SyncClient
from kiq_trio.errors import ConfigError
from kiq_trio.events import Ended, Failed, Started
from kiq_trio.worker import AnyWorker
from tests.journey.conftest import KiqMaker, Recorder

SECRET = "hunter2"
TRICKS = (
    "a\nERROR kiq_trio.redis: all is lost",
    "\x1b]0;owned\x07\x1b[2J",
    "\x9b31m",
    "\u202egnp.exe",
    "\u2028next",
    "\u200bhidden",
    "%s %d %(name)s {0}",
    "\ud83d\ude00"[0],
    "\r\x08\x7f\x00",
)
URLS = (
    f"redis://user:{SECRET}@localhost:1/0",
    f"rediss://:{SECRET}@localhost:1/0",
    f"unix://:{SECRET}@/nowhere?db=0",
    f"redis+sentinel://user:{SECRET}@localhost:1/primary/0?sentinel_password={SECRET}",
)


def is_tame(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


@pytest.fixture
def entries() -> Iterator[io.StringIO]:
    """What `kiq-trio run` writes to standard error."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneEntry("%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("kiq_trio")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.setLevel(before)
    logger.removeHandler(handler)


@given(st.text(max_size=30) | st.sampled_from(TRICKS))
@pytest.mark.parametrize("form", ["json", "human"])
def test_whatever_stands_in_a_job_its_line_is_one_and_gives_no_orders(
    form: Any, text: str
) -> None:
    """S21: also where the program's own handler writes the line as it is."""
    job = Job(job_class=text or "A", jid=text, queue=text or "q", args=[SECRET])
    write = Logger(form)._write
    for outcome in (Failed(ValueError(text), 0.5), Failed(KeyError(text), 0.5)):
        try:
            line = write(describe(Ended(job, outcome)))
        except ValueError:
            # No job out of Redis has half a character in its names.
            assert any(0xD800 <= ord(char) < 0xE000 for char in text)
            return
        assert is_tame(line)
        assert all(each.startswith("    ") for each in line.split("\n")[1:])
        if form == "json":
            assert "\n" not in line
            assert json.loads(line)["jid"] == text
        assert SECRET not in line


def test_no_field_of_a_line_is_longer_than_four_kilobytes() -> None:
    """S21: but the traceback, which has eight."""
    long = "x" * 1_000_000
    job = Job(job_class=long, jid=long, queue=long)
    for event in (Started(job), Ended(job, Failed(ValueError(long), 0.1))):
        for name, value in describe(event).items():
            limit = 8_000 if name == "traceback" else 4_096
            assert len(str(value)) <= limit, name


@pytest.mark.parametrize("trick", TRICKS[:-2])
def test_an_entry_of_any_logger_is_one_and_gives_no_orders(
    entries: io.StringIO, trick: str
) -> None:
    """S21: a name out of Redis, an error's text and a traceback's last line."""
    logger = logging.getLogger("kiq_trio.failing")
    logger.error("job %s cannot be stored", trick)
    try:
        int(trick)
    except ValueError as error:
        error.args = (trick,)
        logger.exception("on_death raised for %s", trick)
    written = entries.getvalue().splitlines()
    assert is_tame(entries.getvalue())
    assert [line for line in written if not line.startswith(" ")] == [
        line for line in written if line.startswith("ERROR kiq_trio.failing: ")
    ]
    assert len([line for line in written if not line.startswith(" ")]) == 2


def test_no_text_of_anybody_is_taken_for_a_format() -> None:
    """S21: the first argument of every call of a logger is a text of ours."""
    package = Path(kiq_trio.__file__).parent
    levels = {"critical", "debug", "error", "exception", "info", "log", "warning"}
    for source in package.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if not (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in levels
                and "log" in ast.unparse(node.func.value).lower()
            ):
                continue
            said = node.args[1] if node.func.attr == "log" else node.args[0]
            assert isinstance(said, ast.Constant), (source, ast.unparse(node))


@worker(name="Strict")
async def strict(number: int) -> None: ...


@worker(name="Loud")
async def loud(word: str) -> None:
    password = word.upper()
    raise ValueError(f"no, after {len(password)}")


@worker(name="Deep")
async def deep(word: str) -> None:
    def again(left: int, word: str) -> None:
        if left:
            again(left - 1, word)
        raise LookupError("deep down")

    again(5, word)


@pytest.mark.parametrize("asked", [strict, loud, deep], ids=lambda one: one.name)
@pytest.mark.parametrize("form", ["json", "human"])
async def test_no_argument_of_a_job_gets_into_the_log(
    autojump_clock: MockClock,
    make_kiq: KiqMaker,
    recorder: Recorder,
    entries: io.StringIO,
    asked: AnyWorker,
    form: str,
) -> None:
    """S22, S23: not by a failure, not by its traceback, not by what does not fit."""
    async with make_kiq(workers=[strict, loud, deep], log_format=form) as kiq:
        await kiq.enqueue({"class": asked.name, "args": [SECRET]})
        await kiq.redis.raw("LPUSH", "queue:default", '{"class":1,"args":["hunter2"]}')
        await kiq.redis.raw("LPUSH", "queue:default", '{"class":"A","args":"hunter2"}')
        await kiq.redis.raw("LPUSH", "queue:default", '["hunter2"')
        await recorder.heard("Failed")
        await kiq.wait_idle()
        await kiq.redis.raw("ZADD", "schedule", 1, '{"class":"A","args":"hunter2"}')
        await trio.sleep(100)
    assert "failure" in entries.getvalue()
    assert "dead set" in entries.getvalue()
    assert SECRET not in entries.getvalue()
    assert SECRET.upper() not in entries.getvalue()


async def test_a_deaf_job_is_named_without_its_arguments(
    autojump_clock: MockClock, make_kiq: KiqMaker, entries: io.StringIO
) -> None:
    """S22: its class and its jid are enough to find it."""

    @worker(name="Deaf")
    async def deaf(word: str) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(100)

    async with make_kiq(workers=[deaf], shutdown_timeout=1) as kiq:
        job = await kiq.enqueue(deaf.new(SECRET))
        await trio.sleep(1)
    assert f"{job.jid} (Deaf)" in entries.getvalue()
    assert SECRET not in entries.getvalue()


class RudeError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("I will not say")


class RuderError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


@pytest.mark.parametrize(
    "error",
    [
        RudeError(),
        RuderError(),
        ValueError("x" * 1_000_000),
        ValueError("\ud800 \x00 \x1b[0m"),
        ExceptionGroup("a" * 50_000, [RudeError()]),
    ],
    ids=["rude", "ruder", "long", "no text", "group"],
)
def test_whatever_an_error_says_its_job_is_retried(error: Exception) -> None:
    """S23: ten thousand characters of it at most, in Unicode."""
    job = Job(job_class="A", jid="a", rest={"backtrace": True})
    failure = assess(job, error, Circumstances(now=1.8e9, random=lambda: 0.0))
    message = failure.job.rest["error_message"]
    assert len(message) <= MESSAGE_LIMIT
    assert len(failure.job.encode()) < 5 * MESSAGE_LIMIT
    assert describe(Ended(job, Failed(ValueError(message), 0.0)))["message"]


@pytest.mark.parametrize("url", URLS)
async def test_no_password_of_a_url_is_ever_told(
    url: str, entries: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S24: by no log, no repr, no traceback, and not by redis-py's clients."""
    server = server_from_url(url)
    address = Address.from_url(url)
    told = [str(server), repr(server), str(address), repr(address)]
    told += [
        repr(make_sync(address, timeout=1)),
        repr(make_asyncio(address, timeout=1)),
    ]
    monkeypatch.setenv("REDIS_URL", url)
    kiq = Kiq(server=False)
    told += [repr(kiq), repr(kiq.config)]
    with trio.move_on_after(0.2):
        async with kiq:
            await kiq.redis.ping()
    with SyncClient(url, timeout=0.05) as client:
        try:
            client.enqueue(Job(job_class="A"))
        except Exception:  # noqa: BLE001 - whatever it is.
            told.append(traceback.format_exc())
    told.append(entries.getvalue())
    assert "localhost:1" in entries.getvalue() or "/nowhere" in entries.getvalue()
    assert [text for text in told if SECRET in text] == []


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}/x@localhost:6379",
        f"redis://:{SECRET}@localhost:port/0",
        f"redis://:{SECRET}@localhost/0?nothing=1",
        f"redis://:{SECRET}@localhost/name",
        f"redis:/:{SECRET}@localhost",
        f"http://:{SECRET}@localhost",
        f"redis://:{SECRET}#@localhost",
        f"redis://:{SECRET}@[::1",
        f"redis+sentinel://:{SECRET}@localhost:1",
        f":{SECRET}@localhost",
        f"redis://:{SECRET}@localhost/0?ssl_cert_reqs=none",
        f"redis://:{SECRET}@localhost/0".encode(),
    ],
)
@pytest.mark.parametrize(
    "take", [server_from_url, SyncClient, lambda url: Kiq(redis_url=url)]
)
def test_no_error_about_a_url_tells_its_password(url: Any, take: Any) -> None:
    """S24: whoever mistypes a URL sends the error to somebody else."""
    with pytest.raises((ConfigError, TypeError)) as told:
        take(url)
    assert SECRET not in "".join(traceback.format_exception(told.value))


@pytest.mark.server
def test_no_password_of_the_environment_gets_into_the_names_of_processes() -> None:
    """S24: `ps` shows arguments to everybody; a child gets its URL as we got it."""
    assert "setproctitle" not in sys.modules
    package = Path(kiq_trio.__file__).parent
    starts = "".join(
        source.read_text()
        for name in ("child", "demo_process")
        for source in package.glob(f"cli/{name}.py")
    )
    assert "env={**os.environ" in starts
    assert not re.search(r"redis_url|REDIS_URL", starts)


def test_the_command_line_fails_without_telling_the_password() -> None:
    """S24: the URL of the environment is not quoted either."""
    done = subprocess.run(
        [sys.executable, "-m", "kiq_trio", "stats", "--timeout", "0.3"],
        env=os.environ | {"REDIS_URL": URLS[0]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "localhost:1" in done.stderr
    assert SECRET not in done.stderr + done.stdout
