"""Errors instead of answers, and nonsense: waited out, told, or hung up on."""

import random
import resource
from contextlib import suppress

import pytest
import trio
from redis.exceptions import RedisError, ResponseError

from kiq_trio import Kiq
from tests.faults.audit import Client
from tests.faults.durable import DurableServer
from tests.faults.fates import answered, befalls, garbled, one_of
from tests.faults.inside import Runs, note, places, working
from tests.faults.proxy import open_proxy
from tests.wire.clients import open_client, until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.server]

PASSING = [
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "NOREPLICAS Not enough good replicas to write.",
    "BUSY Redis is busy running a script.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Errors writing to the AOF file: No space left on device",
]
LASTING = [
    "MOVED 3999 127.0.0.1:6381",
    "CLUSTERDOWN The cluster is down",
    "NOPERM this user has no permissions to run the 'evalsha' command",
    "NOAUTH Authentication required.",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "ERR something that nobody has ever heard of",
]


@pytest.mark.parametrize("error", PASSING + LASTING, ids=lambda text: text.split()[0])
async def test_errors_by_the_dozen_cost_and_double_no_job(
    durable: DurableServer, client: Client, rng: random.Random, error: str
) -> None:
    """They last for a while; who is told of one is told the truth."""
    runs, told = Runs(), dict[int, str]()
    async with open_proxy(durable.path) as proxy, working(proxy.url, runs) as kiq:
        await kiq.redis.ping()
        reply = answered(f"-{error}\r\n".encode())
        proxy.on_request = one_of({reply: 0.3}, rng)
        with trio.move_on_after(2) as scope:
            async with trio.open_nursery() as nursery:
                for number in range(200):
                    nursery.start_soon(enqueue, kiq, number, told)
                    await trio.sleep(0.005)
        proxy.mend()
        stored = [number for number, outcome in told.items() if outcome == "stored"]
        await until(lambda: all(runs.ended[str(number)] for number in stored))
        await kiq.wait_idle()

    refused = [number for number, outcome in told.items() if outcome == "refused"]
    assert places(client) == {}
    assert set(runs.ended.values()) <= {1}
    assert not [number for number in refused if runs.ended[str(number)]]
    assert scope.cancelled_caught or len(told) == 200
    assert bool(refused) <= (error in LASTING)
    assert len(stored) > 20


async def enqueue(kiq: Kiq, number: int, told: dict[int, str]) -> None:
    try:
        await kiq.enqueue(note(number), in_=0.05 if number % 3 == 0 else None)
    except ResponseError:
        told[number] = "refused"
    else:
        told[number] = "stored"


NONSENSE = {
    "no kind": b"?what\r\n",
    "zeros": bytes(100),
    "no number": b":seven\r\n",
    "no length": b"$x\r\n",
    "negative": b"$-7\r\n",
    "endless": b"$99999999999\r\n",
    "nested": b"*1\r\n" * 100_000,
    "many": b"*99999999999\r\n",
    "no key": b"%1\r\n*0\r\n+a\r\n",
    "half": b"$5\r\nab",
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "two": b"+a\r\n+b\r\n",
}


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
async def test_nonsense_ends_its_line_soon_and_takes_no_memory(
    durable: DurableServer, nonsense: bytes
) -> None:
    async with (
        open_proxy(durable.path) as proxy,
        open_client(proxy.url, command_timeout=0.3, random=lambda: 0.0) as redis,
    ):
        await redis.set("key", "value")
        before = memory()
        proxy.on_reply = befalls(garbled(lambda _: nonsense), "GET", times=5)
        for _ in range(5):
            with trio.fail_after(1):
                await ask(redis)
        proxy.mend()
        await until(lambda: redis.state == "up")
        assert await redis.get("key") == b"value"

    assert len(proxy.arrivals) == 6
    assert memory() - before < 30_000


async def ask(redis: object) -> None:
    try:
        await redis.get("key")  # type: ignore[attr-defined]
    except RedisError:
        return


def memory() -> int:
    """Return the most that this process has ever had, in KB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


WRONG = {"text": b"+OK\r\n", "number": b":7\r\n", "list": b"*2\r\n+a\r\n:1\r\n"}
CALLS = ["enqueue", "schedule", "fetch", "HDEL", "settle", "move", "beat"]


ANSWERS = [
    pytest.param(name, wrong, id=f"{name}-{kind}")
    for name in CALLS
    for kind, wrong in WRONG.items()
    # Jobs that Redis never had are a lie that nobody could see through.
    if (name, kind) != ("fetch", "list")
]


@pytest.mark.parametrize(("name", "wrong"), ANSWERS)
async def test_an_answer_of_the_wrong_kind_may_end_the_program_and_loses_nothing(
    durable: DurableServer, client: Client, name: str, wrong: bytes
) -> None:
    """No Redis gives one. Whoever gets it cannot know what else is wrong."""
    runs, stored = Runs(), set[str]()

    async def work(url: str, numbers: range) -> None:
        async with working(url, runs) as kiq:
            for number in numbers:
                in_ = 0.01 if name in {"schedule", "move"} else None
                await kiq.enqueue(note(number, failures=name == "settle"), in_=in_)
                stored.add(str(number))
            await until(lambda: stored <= runs.ended.keys())
            # What the one before has left comes back a little later.
            await until(lambda: not places(client))

    async with open_proxy(durable.path) as proxy:
        proxy.on_reply = befalls(garbled(lambda _: wrong), name, times=3)
        with suppress(BaseExceptionGroup, TypeError, ValueError, trio.TooSlowError):
            await work(proxy.url, range(10))
        proxy.mend()
        await work(proxy.url, range(10, 20))

    assert stored <= runs.ended.keys()
    assert places(client) == {}
