"""What a user of Redis with our rights cannot do, and what Redis can do to us."""

import re
from collections.abc import Iterator

import pytest
import redis
import redis.exceptions
import trio
from hypothesis import example, given
from hypothesis import strategies as st
from redis.exceptions import NoPermissionError, ResponseError

from kiq_trio import Kiq, Queue, worker
from kiq_trio._store.commands import acl_rules, enqueueing_rules
from kiq_trio._store.key_table import KEYS
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire import _redispy
from kiq_trio._wire.address import Address
from kiq_trio.clients import SyncClient
from tests.servers import RealServer
from tests.wire.clients import open_client, open_impostor, until


@worker(name="plain")
async def plain(number: int) -> None: ...


@worker(name="once", unique_for=60)
async def once() -> None: ...


@pytest.fixture(scope="module")
def guarded() -> Iterator[RealServer]:
    """A server with a user for each of our published sets of rights."""
    users = [
        f"jobs on >pw resetkeys -@all {' '.join(acl_rules())}",
        f"producer on >pw resetkeys -@all {' '.join(enqueueing_rules())}",
    ]
    with RealServer(user=users) as server:
        yield server


def url_of(server: RealServer, user: str) -> str:
    return f"redis://{user}:pw@127.0.0.1:{server.port}/0"


DENIED = (
    ("KEYS", "*"),
    ("CONFIG", "GET", "requirepass"),
    ("CONFIG", "SET", "dir", "/"),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("MODULE", "LIST"),
    ("SCRIPT", "FLUSH"),
    ("SCRIPT", "KILL"),
    ("FUNCTION", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("CLIENT", "LIST"),
    ("ACL", "LIST"),
    ("DEBUG", "SLEEP", "0"),
    ("SHUTDOWN",),
    ("REPLICAOF", "NO", "ONE"),
    ("MONITOR",),
    ("MIGRATE", "h", "1", "", "0", "1", "KEYS", "queues"),
    ("SUBSCRIBE", "x"),
    ("EVAL", "return redis.call('KEYS', '*')", "0"),
    ("EVAL", "return redis.call('CONFIG', 'GET', '*')", "0"),
    ("GET", "session:1"),
    ("SET", "session:1", "x"),
    ("DEL", "session:1"),
    ("EVAL", "return redis.call('GET', KEYS[1])", "1", "session:1"),
    ("EVAL", "return redis.call('GET', 'session:1')", "0"),
    ("EVAL", "return redis.call('SET', ARGV[1], 'x')", "0", "session:1"),
)


@pytest.mark.server
@pytest.mark.parametrize("user", ["jobs", "producer"])
@pytest.mark.parametrize("command", DENIED, ids=" ".join)
def test_what_is_not_needed_is_denied_in_lua_as_well(
    guarded: RealServer, user: str, command: tuple[str, ...]
) -> None:
    """S30: that these rights are enough for everything, tests/journey/test_rights."""
    with redis.Redis(
        port=guarded.port, username=user, password="pw", protocol=3
    ) as client:
        with pytest.raises((NoPermissionError, ResponseError)) as told:
            client.execute_command(*command)
        assert re.search(r"permission|not allowed|can't (run|access)", str(told.value))


@pytest.mark.server
async def test_who_only_enqueues_needs_far_fewer_rights(guarded: RealServer) -> None:
    """S31: a web program whose password leaks cannot read or take a job."""
    url = url_of(guarded, "producer")
    queues = {"default": Queue(max_size=100)}
    with trio.fail_after(20):
        async with Kiq(redis_url=url, server=False, queues=queues) as kiq:
            await kiq.enqueue(plain.new(1))
            await kiq.enqueue(plain.new(2), in_=60)
            await kiq.enqueue_many([plain.new(n) for n in range(10)])
            kiq.enqueue_nowait(plain.new(3))
            await kiq.flush()
            first = await kiq.enqueue(once.new())
            assert (await kiq.enqueue(once.new())).duplicate_of == first.jid
            for command in (
                ("RPOP", "queue:default"),
                ("LRANGE", "queue:default", 0, -1),
                ("ZRANGE", "schedule", 0, -1),
                ("DEL", "queue:default"),
                ("SET", "queue:default", "x"),
                ("EVAL", "return redis.call('SET', KEYS[1], 'x')", 1, "queue:default"),
                ("HGETALL", "kiq:processes"),
                ("ZRANGE", "dead", 0, -1),
            ):
                with pytest.raises((NoPermissionError, ResponseError)) as told:
                    await kiq.redis.raw(*command)
                assert "permission" in str(told.value) or "access" in str(told.value)

    def enqueue() -> None:
        with SyncClient(url) as client:
            client.enqueue(plain.new(4))
            assert client.find_lock_owner(once.new()) == first.jid
            assert client.unlock(once.new()) == first.jid

    await trio.to_thread.run_sync(enqueue)


def test_the_rights_of_who_enqueues_are_among_those_of_who_runs() -> None:
    """S31: and name keys of the table only."""
    rules = set(" ".join(enqueueing_rules()).replace("(", "").replace(")", "").split())
    assert rules < set(acl_rules())
    keys = {rule for rule in rules if "~" in rule}
    assert keys <= {key.rule for key in KEYS}


def test_scripts_are_constant_and_take_no_code_out_of_data() -> None:
    """S32: no command's name is computed, nothing is compiled, JSON is not read."""
    for script in SCRIPTS:
        source = "\n".join(
            line.partition("--")[0] for line in script.source.splitlines()
        )
        assert not re.search(r"\b(loadstring|load|dofile|cjson|cmsgpack|bit)\b", source)
        assert not re.search(r"redis\.p?call\((?!')", source), script.name
        assert not re.search(r"KEYS\[[^\]]*\]\s*\.\.", source), script.name


HUGE = (
    b"*1000000\r\n",
    b"~4294967296\r\n",
    b"%99999999999\r\n",
    b"$99999999999\r\nx",
    b"*1\r\n" * 100_000,
    b"%1\r\n+a\r\n" * 10_000 + b"%1\r\n%1\r\n+a\r\n+b\r\n+c\r\n",
    b"*-5\r\n",
    b"$-9\r\n",
    b":12a\r\n",
    b"\xff\xfe\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
)


@pytest.mark.parametrize("nonsense", HUGE, ids=[repr(each[:16]) for each in HUGE])
async def test_a_reply_that_is_none_costs_a_connection_and_nothing_else(
    nonsense: bytes,
) -> None:
    """S33: whatever it claims to be; a claim alone takes no memory."""
    async with (
        open_impostor(lambda _: nonsense) as impostor,
        open_client(impostor.url, command_timeout=0.3, random=lambda: 0.0) as redis,
    ):
        with pytest.raises(redis_errors()):
            await redis.raw("GET", "a")
        impostor.answer = lambda _: b"+OK\r\n"
        with trio.fail_after(10):
            while True:
                try:
                    assert await redis.raw("GET", "a") == b"OK"
                except redis_errors():
                    continue
                break


async def test_memory_that_is_not_there_ends_the_line_and_not_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S33: hiredis makes room for as many elements as an array claims, to 2 ** 32."""

    class Greedy:
        def feed(self, data: bytes) -> None: ...

        def gets(self, decode: bool) -> None:
            raise MemoryError

    make = _redispy.make_reader
    async with (
        open_impostor() as impostor,
        open_client(impostor.url, random=lambda: 0.0) as redis,
    ):
        await redis.wait_up()
        monkeypatch.setattr(_redispy, "make_reader", lambda _: Greedy())
        await impostor.hang_up()
        await until(lambda: "MemoryError" in str(redis.last_loss))
        monkeypatch.setattr(_redispy, "make_reader", make)
        with trio.fail_after(10):
            assert await redis.raw("GET", "a") == b"OK"


def redis_errors() -> tuple[type[Exception], ...]:
    return (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)


PIECES = st.sampled_from(
    [
        *(bytes([each]) for each in b"*%~$:,(#_=!+->|?;."),
        *(b"\r\n", b"1", b"2", b"-1", b"abc", b"txt:", b"inf", b"t", b"\xff"),
        b"99999999999999999999",
        b"1000",
    ]
)


@given(st.lists(PIECES, max_size=20).map(b"".join))
@example(b"*4294967296\r\n")
@example(b"(" + b"9" * 5_000 + b"\r\n")
def test_the_parser_knows_four_ways_to_fail(data: bytes) -> None:
    """S33: these are what the reader of a line takes for its end."""
    reader = _redispy.make_reader(_redispy.parse_error)
    reader.feed(data + b"\r\n")
    for _ in range(30):
        try:
            if reader.gets(bool(data)) is _redispy.INCOMPLETE:
                return
        except _redispy.NONSENSE:
            return


@pytest.mark.parametrize(
    "name", ["a b", "a\r\nQUIT", "caf\u00e9", "\x1b[0m", "", "x" * 1_000, "\0"]
)
async def test_the_name_of_a_connection_is_one_that_redis_takes(name: str) -> None:
    """S35: Redis refuses others, and whoever is refused would try for ever."""
    address = Address(client_name=name)
    assert address.client_name is not None
    assert re.fullmatch(r"[!-~]*", address.client_name)
    async with (
        open_impostor() as impostor,
        open_client(impostor.url, name=name) as redis,
    ):
        await redis.wait_up()
        await until(lambda: impostor.greeted)
        heard = [part for command in impostor.heard for part in command]
    assert not [part for part in heard if b"QUIT" in part]
