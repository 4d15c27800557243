"""What the Redis in this process promises, and where it must equal a real one."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis.exceptions
import trio
from fakeredis._core import Database, FakeServer
from fakeredis._socket import FakeSocket
from trio.testing import MockClock, wait_all_tasks_blocked

from kiq_trio._wire.address import Address
from kiq_trio._wire.clock import TrioClock
from kiq_trio._wire.memory import MemoryConnection, MemoryServer
from kiq_trio._wire.remote import RemoteServer
from kiq_trio._wire.script import Script
from kiq_trio._wire.seam import Connection
from kiq_trio._wire.slot import Command
from tests.conftest import EPOCH
from tests.servers import RealServer
from tests.wire.conversations import CONVERSATIONS

HELLO_FROM_LUA = Script("hello", "#!lua flags=allow-oom\nreturn {KEYS[1], ARGV[1]}")


async def ask(line: Connection, *commands: Command) -> list[Any]:
    return await line.submit(commands).wait()


# What every server does, of either kind.


async def test_servers_share_nothing() -> None:
    async with MemoryServer().connect() as one, MemoryServer().connect() as other:
        await ask(one, ("SET", "key", "value"))

        assert await ask(other, ("GET", "key")) == [None]


async def test_connections_to_one_server_share_its_data() -> None:
    server = MemoryServer()
    async with server.connect() as one, server.connect() as other:
        await ask(one, ("SET", "key", "value"))

        assert await ask(other, ("GET", "key")) == [b"value"]
        assert one.client_id != other.client_id


async def test_data_outlives_connections() -> None:
    server = MemoryServer()
    async with server.connect() as line:
        await ask(line, ("SET", "key", "value"))

    async with server.connect() as line:
        assert await ask(line, ("GET", "key")) == [b"value"]


async def test_arguments_are_written_as_redis_py_writes_them() -> None:
    async with MemoryServer().connect() as line:
        commands = [("SET", "key", value) for value in (b"\xff", "é", 7, 1.5)]

        replies = [(await ask(line, set_, ("GET", "key")))[1] for set_ in commands]

    assert replies == [b"\xff", "é".encode(), b"7", b"1.5"]


@pytest.mark.parametrize("value", [None, True, ["list"], object()])
async def test_other_arguments_are_refused_before_anything_is_sent(value: Any) -> None:
    async with MemoryServer().connect() as line:
        with pytest.raises(redis.exceptions.DataError):
            line.submit([("SET", "sent", "no"), ("SET", "key", value)])

        assert await ask(line, ("EXISTS", "sent")) == [0]


async def test_replies_are_text_when_asked_for() -> None:
    async with MemoryServer().connect() as line:
        await ask(line, ("HSET", "key", "field", "value"))

        slot = line.submit([("HGETALL", "key"), ("HKEYS", "key")], decode=True)

        assert await slot.wait() == [{"field": "value"}, ["field"]]


async def test_a_reply_that_is_no_text_is_a_value_that_says_so() -> None:
    async with MemoryServer().connect() as line:
        slot = line.submit([("SET", "key", b"\xff"), ("GET", "key")], decode=True)

        assert isinstance((await slot.wait())[1], UnicodeDecodeError)


async def test_errors_are_values_of_redis_pys_classes() -> None:
    async with MemoryServer().connect() as line:
        await ask(line, ("HSET", "hash", "field", "value"))

        errors = await ask(line, ("EVALSHA", "0" * 40, 0), ("GET", "hash"), ("NOSUCH",))

    assert [type(error) for error in errors] == [
        redis.exceptions.NoScriptError,
        redis.exceptions.ResponseError,
        redis.exceptions.ResponseError,
    ]
    assert str(errors[1]).startswith("WRONGTYPE")


async def test_a_waiter_is_cancelled_after_redis_acted_not_before() -> None:
    async with MemoryServer().connect() as line:
        with trio.CancelScope() as scope:
            scope.cancel()
            await ask(line, ("SET", "key", "value"))

        assert scope.cancelled_caught
        assert await ask(line, ("GET", "key")) == [b"value"]


async def test_it_introduces_itself() -> None:
    server = MemoryServer()
    async with server.running(), server.connect(name="me") as line:
        hello, info, role, name, number = await ask(
            line,
            ("HELLO", 3),
            ("INFO", "server"),
            ("ROLE",),
            ("CLIENT", "GETNAME"),
            ("CLIENT", "ID"),
        )

    assert (hello[b"role"], hello[b"proto"]) == (b"master", 3)
    assert b"redis_version:7." in info
    assert b"maxmemory_policy:noeviction" in info
    assert role == [b"master", 0, []]
    assert (name, number) == (b"me", line.client_id)
    assert str(server) == "memory://"
    assert server.connect_sync(timeout=1) is None


# The end of a connection.


async def test_a_left_connection_is_dead() -> None:
    server = MemoryServer()
    async with server.connect() as line:
        pass

    assert "closed" in str(await line.wait_closed())
    with pytest.raises(redis.exceptions.ConnectionError):
        line.submit([("PING",)])
    async with server.connect() as other:
        (clients,) = await ask(other, ("CLIENT", "LIST"))
    assert clients.count(b"id=") == 1


async def test_abort_fails_every_slot_with_its_reason() -> None:
    reason = redis.exceptions.ConnectionError("pulled the plug")
    async with MemoryServer().connect() as line:
        slots = [line.submit([command]) for command in (("BLPOP", "q", 0), ("PING",))]

        line.abort(reason)
        line.abort(redis.exceptions.ConnectionError("again"))

        assert await line.wait_closed() is reason
        for slot in slots:
            with pytest.raises(redis.exceptions.ConnectionError, match="pulled"):
                await slot.wait()


async def test_client_kill_closes_the_line_of_another() -> None:
    server = MemoryServer()
    async with server.connect() as one, server.connect() as other:
        slot = other.submit([("BLPOP", "queue", 0)])

        assert await ask(one, ("CLIENT", "KILL", "ID", other.client_id)) == [1]

        with pytest.raises(redis.exceptions.ConnectionError):
            await slot.wait()
        assert "closed by server" in str(await other.wait_closed())
        await ask(one, ("LPUSH", "queue", "kept"))
        assert await ask(one, ("LLEN", "queue")) == [1]


async def test_a_line_can_kill_itself() -> None:
    async with MemoryServer().connect() as line:
        kill = ("CLIENT", "KILL", "ID", line.client_id, "SKIPME", "no")
        slot = line.submit([kill, ("SET", "key", "never")])

        with pytest.raises(redis.exceptions.ConnectionError):
            await slot.wait()


# Time.


async def test_keys_expire_by_trios_clock(autojump_clock: MockClock) -> None:
    async with MemoryServer().connect() as line:
        await ask(
            line,
            ("SET", "ex", "v", "EX", 86_400),
            ("SET", "px", "v", "PX", 1_500),
            ("SADD", "set", "member"),
            ("EXPIRE", "set", 10),
            ("SADD", "other", "member"),
            ("PEXPIRE", "other", 10_500),
        )

        await trio.sleep(1.4)
        assert await ask(line, ("GET", "px"), ("PTTL", "px")) == [b"v", 100]
        await trio.sleep(0.2)
        assert await ask(line, ("GET", "px"), ("TTL", "px")) == [None, -2]
        await trio.sleep(8.5)
        assert await ask(line, ("EXISTS", "set", "other"), ("DBSIZE",)) == [1, 2]
        await trio.sleep(86_389)
        assert await ask(line, ("TTL", "ex"), ("KEYS", "*")) == [1, [b"ex"]]
        await trio.sleep(2)
        assert await ask(line, ("EXISTS", "ex"), ("KEYS", "*")) == [0, []]


@pytest.mark.parametrize("epoch", [EPOCH, EPOCH + 0.123456, 1_795_335_873.286192])
async def test_a_key_lives_to_the_end_of_its_last_millisecond(
    autojump_clock: MockClock, epoch: float
) -> None:
    async with MemoryServer(TrioClock(epoch)).connect() as line:
        for px in (1, 3, 7, 10, 100, 1_001, 60_000):
            await ask(line, ("SET", "key", "v", "PX", px))
            await trio.sleep(px / 1000)
            assert await ask(line, ("EXISTS", "key"), ("DBSIZE",)) == [1, 1], px
            await trio.sleep(0.001)
            assert await ask(line, ("EXISTS", "key"), ("DBSIZE",)) == [0, 0], px


async def test_time_is_the_injected_clocks_inside_scripts_too() -> None:
    now = 1_234_567_890.25
    server = MemoryServer(lambda: now)
    script = "redis.call('SET', KEYS[1], 'v', 'PX', 500) return redis.call('TIME')"
    async with server.connect() as line:
        time, in_lua = await ask(line, ("TIME",), ("EVAL", script, 1, "key"))
        alive = await ask(line, ("EXISTS", "key"))
        now += 0.501
        dead = await ask(line, ("EXISTS", "key"))

    assert time == in_lua == [b"1234567890", b"250000"]
    assert (alive, dead) == ([1], [0])
    assert server.clock() == now


async def test_the_default_clock_is_the_time_of_day_moved_by_trio(
    autojump_clock: MockClock,
) -> None:
    server = MemoryServer()
    before = server.clock()

    await trio.sleep(3_600)

    assert server.clock() == pytest.approx(before + 3_600, abs=1e-3)


def test_the_default_clock_works_outside_of_trio_and_over_several_runs() -> None:
    clock = TrioClock(EPOCH)

    async def sleep_an_hour() -> None:
        clock()
        await trio.sleep(3_600)
        clock()

    assert clock() == EPOCH
    for hour in (1, 2):
        trio.run(sleep_an_hour, clock=MockClock(autojump_threshold=0))
        assert clock() == pytest.approx(EPOCH + hour * 3_600)


async def test_an_idle_server_does_not_hold_up_the_clock(
    autojump_clock: MockClock,
) -> None:
    server = MemoryServer()
    async with server.running(), server.connect(), server.connect() as line:
        slot = line.submit([("BLPOP", "queue", 0)])
        with trio.move_on_after(1_000_000):
            await slot.wait()


# Scripts.


async def test_a_script_runs_by_the_sha_of_its_full_text() -> None:
    async with MemoryServer().connect(scripts=[HELLO_FROM_LUA]) as line:
        replies = await ask(
            line,
            HELLO_FROM_LUA(["key"], [5]),
            ("SCRIPT", "EXISTS", HELLO_FROM_LUA.sha),
            ("SCRIPT", "LOAD", HELLO_FROM_LUA.source),
        )

    assert replies == [[b"key", b"5"], [1], HELLO_FROM_LUA.sha.encode()]


async def test_eval_also_teaches_the_script() -> None:
    async with MemoryServer().connect() as line:
        evaluate = ("EVAL", HELLO_FROM_LUA.source, 1, "key", 5)

        first, second = await ask(line, evaluate, HELLO_FROM_LUA(["key"], [5]))

    assert first == second == [b"key", b"5"]


async def test_script_flush_forgets() -> None:
    async with MemoryServer().connect(scripts=[HELLO_FROM_LUA]) as line:
        await ask(line, ("SCRIPT", "FLUSH"))

        (error,) = await ask(line, HELLO_FROM_LUA(["key"], [5]))

    assert isinstance(error, redis.exceptions.NoScriptError)


async def test_a_script_that_makes_a_global_fails_alone() -> None:
    async with MemoryServer().connect() as line:
        set_, get, fine = await ask(
            line,
            ("EVAL", "leaked = 1", 0),
            ("EVAL", "return leaked", 0),
            ("EVAL", "return 1", 0),
        )

    assert "readonly" in str(set_)
    assert "nonexistent global variable 'leaked'" in str(get)
    assert fine == 1


# Blocking.

BLOCKERS: dict[str, tuple[Command, Any]] = {
    "blpop": (("BLPOP", "other", "queue", 0), [b"queue", b"job"]),
    "brpop": (("BRPOP", "queue", 0), [b"queue", b"job"]),
    "blmove": (("BLMOVE", "queue", "queue", "RIGHT", "RIGHT", 0), b"job"),
    "blmove to another": (("BLMOVE", "queue", "other", "LEFT", "LEFT", 0), b"job"),
}


@pytest.mark.parametrize("name", BLOCKERS)
async def test_a_blocked_command_wakes_when_a_write_lets_it(name: str) -> None:
    command, expected = BLOCKERS[name]
    server = MemoryServer()
    async with server.connect() as waiter, server.connect() as pusher:
        slot = waiter.submit([command, ("PING",)])
        await ask(pusher, ("SET", "unrelated", "write"))
        assert not slot.is_settled

        await ask(pusher, ("LPUSH", "queue", "job"))

        assert await slot.wait() == [expected, b"PONG"]


async def test_a_push_wakes_all_who_only_look_and_changes_nothing() -> None:
    server = MemoryServer()
    look = ("BLMOVE", "queue", "queue", "RIGHT", "RIGHT", 0)
    async with server.connect() as a, server.connect() as b, server.connect() as pusher:
        slots = [a.submit([look]), b.submit([look])]

        await ask(pusher, ("LPUSH", "queue", "first", "second"))

        assert [await slot.wait() for slot in slots] == [[b"first"], [b"first"]]
        assert await ask(pusher, ("LRANGE", "queue", 0, -1)) == [[b"second", b"first"]]


async def test_who_blocked_first_is_served_first() -> None:
    server = MemoryServer()
    pop = ("BLPOP", "queue", 0)
    async with server.connect() as a, server.connect() as b, server.connect() as pusher:
        first, second = a.submit([pop]), b.submit([pop])

        await ask(pusher, ("LPUSH", "queue", "one"))

        assert first.is_settled
        assert not second.is_settled


async def test_one_who_is_served_may_serve_the_next() -> None:
    server = MemoryServer()
    async with server.connect() as a, server.connect() as b, server.connect() as pusher:
        last = a.submit([("BLPOP", "end", 0)])
        b.submit(
            [("BLMOVE", "queue", "middle", "LEFT", "LEFT", 0), ("LPUSH", "end", 1)]
        )

        await ask(pusher, ("LPUSH", "queue", "job"))

        assert await last.wait() == [[b"end", b"1"]]


@pytest.mark.parametrize(
    "commands",
    [
        [("MULTI",), ("LPUSH", "queue", "job"), ("RPOP", "queue"), ("EXEC",)],
        [
            (
                "EVAL",
                "redis.call('LPUSH', KEYS[1], 1) redis.call('RPOP', KEYS[1])",
                1,
                "queue",
            )
        ],
    ],
    ids=["transaction", "script"],
)
async def test_what_is_pushed_and_popped_at_once_wakes_nobody(
    commands: list[Command],
) -> None:
    server = MemoryServer()
    async with server.connect() as waiter, server.connect() as pusher:
        slot = waiter.submit([("BLPOP", "queue", 0)])

        await ask(pusher, *commands)

        assert not slot.is_settled


async def test_a_blocked_command_times_out_by_trios_clock(
    autojump_clock: MockClock,
) -> None:
    async with MemoryServer().connect() as line:
        start = trio.current_time()
        slot = line.submit([("BLMOVE", "q", "q", "RIGHT", "RIGHT", 2), ("PING",)])
        assert await slot.wait() == [None, b"PONG"]
        assert trio.current_time() == start + 2

        slot = line.submit([("BLPOP", "queue", 0.5), ("BLPOP", "queue", 1)])
        assert await slot.wait() == [None, None]
        assert trio.current_time() == start + 3.5


async def test_a_blocked_command_times_out_even_if_nobody_waits_for_it(
    autojump_clock: MockClock,
) -> None:
    server = MemoryServer()
    async with server.connect() as waiter, server.connect() as pusher:
        waiter.submit([("BLPOP", "queue", 1)])
        await trio.sleep(1.5)

        await ask(pusher, ("LPUSH", "queue", "kept"))

        assert await ask(pusher, ("LLEN", "queue")) == [1]


@pytest.mark.parametrize(
    ("how", "expected"), [("TIMEOUT", None), ("ERROR", "UNBLOCKED")]
)
async def test_client_unblock(how: str, expected: str | None) -> None:
    server = MemoryServer()
    async with server.connect() as waiter, server.connect() as other:
        unblock = ("CLIENT", "UNBLOCK", waiter.client_id, how)
        assert await ask(other, unblock) == [0]
        slot = waiter.submit([("BLMOVE", "q", "q", "RIGHT", "RIGHT", 0)])

        assert await ask(other, unblock, unblock) == [1, 0]

        (reply,) = await slot.wait()
        assert reply is None if expected is None else expected in str(reply)


async def test_commands_behind_a_blocked_one_wait_their_turn() -> None:
    server = MemoryServer()
    async with server.connect() as waiter, server.connect() as other:
        waiter.submit([("BLPOP", "queue", 0)])
        behind = waiter.submit([("SET", "key", "value")])
        assert await ask(other, ("GET", "key")) == [None]

        await ask(other, ("LPUSH", "queue", "job"))

        assert await behind.wait() == [b"OK"]
        assert await ask(other, ("GET", "key")) == [b"value"]


async def test_a_closed_waiter_leaves_nothing_behind() -> None:
    server = MemoryServer()
    async with server.connect() as other:
        async with server.connect() as waiter, trio.open_nursery() as nursery:
            tasks = trio.lowlevel.current_statistics().tasks_living
            nursery.start_soon(waiter.submit([("BLPOP", "queue", 60)]).wait)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await wait_all_tasks_blocked()

        await ask(other, ("LPUSH", "queue", "kept"))

        assert await ask(other, ("LLEN", "queue")) == [1]
        assert server._state.parked == []
        assert trio.lowlevel.current_statistics().tasks_living == tasks


# Equal to a real server.


def essence(reply: Any) -> Any:
    """What a caller may rely on: values and their types; an error's class and code."""
    match reply:
        case Exception():
            code = str(reply).split()[0]
            return type(reply), code if code.isupper() else None
        case list():
            return [essence(item) for item in reply]
        case dict():
            return {essence(key): essence(value) for key, value in reply.items()}
    return type(reply), reply


# Valkey 9 spells floats in ZSCAN more shortly, and has blocking commands time out at
# once in a script that Redis refuses.
OTHERWISE_IN_VALKEY = (
    ("ZSCAN", "z", 0),
    ("EVAL", "return redis.call('BLPOP', KEYS[1], 0)", 1, "none"),
)


@pytest.mark.server
@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_replies_are_those_of_a_real_server(
    name: str, real_server: RealServer
) -> None:
    with real_server.client() as client:
        client.flushall()
        is_valkey = client.info("server").get("server_name") == "valkey"
    real = RemoteServer(Address.from_url(real_server.unix_url))
    async with (
        MemoryServer().connect() as in_memory,
        real.connect(scripts=[], name="test", command_timeout=5) as line,
    ):
        for command in CONVERSATIONS[name]:
            ours, theirs = [
                essence(await ask(each, command)) for each in (in_memory, line)
            ]
            if not (is_valkey and command in OTHERWISE_IN_VALKEY):
                assert ours == theirs, command


# What we rely on in fakeredis, which makes no promise about any of it.

OVERRIDDEN: list[tuple[type, str, list[str]]] = [
    (FakeSocket, "_process_command", ["self", "fields"]),
    (FakeSocket, "_decode_result", ["self", "result"]),
    (FakeSocket, "_blocking", ["self", "timeout", "func", "shape"]),
    (FakeSocket, "_take_unblock_reason", ["self"]),
    (FakeSocket, "_name_to_func", ["self", "cmd_name"]),
    (FakeSocket, "_get_server_runtime", ["self", "server"]),
    (FakeSocket, "put_response", ["self", "msg"]),
    (FakeSocket, "kill", ["self"]),
    (FakeSocket, "time", ["self"]),
    (FakeSocket, "eval", ["self", "script", "numkeys", "keys_and_args"]),
    (FakeSocket, "hello", ["self", "args"]),
    (Database, "expired", ["self", "item"]),
    (Database, "wake_all", ["self"]),
    (Database, "_remove_expired", ["self"]),
    (FakeServer, "__init__", ["self", "version", "server_type", "config"]),
]


@pytest.mark.parametrize(
    ("owner", "name", "parameters"), OVERRIDDEN, ids=[row[1] for row in OVERRIDDEN]
)
def test_fakeredis_still_has_what_we_override(
    owner: type, name: str, parameters: list[str]
) -> None:
    method: Callable[..., Awaitable[Any]] = getattr(owner, name)

    assert list(inspect.signature(method).parameters) == parameters


def test_fakeredis_still_keeps_the_state_we_use() -> None:
    server = MemoryServer()
    socket = MemoryConnection(server._state)._socket

    assert {"lock", "dbs", "script_cache", "sockets"} <= vars(server._state).keys()
    assert {"_dict", "_expiry_heap"} <= vars(server._state.dbs[0]).keys()
    assert {
        "_blocked",
        "_client_info",
        "_in_transaction",
        "_unblock_reason",
    } <= vars(socket).keys()
