"""Redis dies in the middle of a script, at each of its writes, then comes back.

What was written stays, the caller repeats its call. The replay property does this
by chance; here it is done at every place, once.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import attrs
import pytest

from kiq_trio._store.burying import Held, Rescued, bury
from kiq_trio._store.enqueueing import Batch, enqueue
from kiq_trio._store.fetching import Delivery
from kiq_trio._store.moving import Move
from kiq_trio._store.moving import move as move_away
from kiq_trio._store.registering import leave
from kiq_trio._store.removing import Removal, remove
from kiq_trio._store.settling import Kill, Later, Requeue, Retry
from kiq_trio._store.staging import stage
from kiq_trio._store.ticking import NewJob, Ticking, tick
from kiq_trio.unique import Lock
from tests.store.deeds import FUTURE, ME, PAST, held, join, move, put, take
from tests.store.direct import LINE, DirectServer, call, script_of
from tests.store.ledger import take_snapshot
from tests.store.test_guards import drain_all

Deed = Callable[[], Coroutine[Any, Any, Any]]
JOBS = {b"1", b"2", b"3"}


async def enqueue_three() -> None:
    await enqueue(LINE, [Batch("a", 1, "mail", (b"1", b"2", b"3"))])


async def schedule_three() -> None:
    await enqueue(LINE, [Batch("a", 1, None, (b"1", b"2", b"3"), (1.0, 2.0, 3.0))])


async def put_three() -> None:
    await join(LINE, ME)
    await put(LINE, "mail", b"1", b"2", b"3")


async def take_three() -> None:
    await take(LINE, "mail")


async def hold_three() -> None:
    await put_three()
    await take(LINE, "mail")


async def settle_three() -> None:
    one, two, three = (
        Delivery(f"mail.1.{n}", "mail", b"%d" % (n + 1), ME) for n in range(3)
    )
    await move(
        LINE, (one, Retry(FUTURE, b"1")), (two, Kill(FUTURE, b"2")), (three, Requeue())
    )


async def snooze_three() -> None:
    one, two, three = (
        Delivery(f"mail.1.{n}", "mail", b"%d" % (n + 1), ME) for n in range(3)
    )
    await move(
        LINE, (one, Later(FUTURE, b"1")), (two, Later(FUTURE, b"2")), (three, Requeue())
    )


async def retry_three() -> None:
    for n, name in enumerate(sorted(JOBS)):
        await LINE.raw("ZADD", "retry", PAST + n, name)


async def stage_three() -> None:
    one, two, three = (
        Move(name, PAST + n, "mail", name) for n, name in enumerate(sorted(JOBS))
    )
    await stage(LINE, "retry", [one, two, attrs.evolve(three, queue=None)])


async def bury_three() -> None:
    await hold_three()
    await bury(LINE, ME, 1)


async def drain_three() -> None:
    raws = [b"mail\n%d" % n for n in (1, 2, 3)]
    moves = [
        Rescued(Held(f"mail.1.{n}", "mail", raw[5:], raw), raw[5:], to_dead=n == 2)
        for n, raw in enumerate(raws)
    ]
    await drain_all(LINE, moves)


async def nothing() -> None:
    pass


CASES: list[tuple[Deed, Deed]] = [
    (nothing, enqueue_three),
    (nothing, schedule_three),
    (put_three, take_three),
    (hold_three, settle_three),
    (hold_three, snooze_three),
    (retry_three, stage_three),
    (bury_three, drain_three),
]


def play(
    before: Deed, deed: Deed, writes: int, mutants: Mapping[str, str] | None = None
) -> None:
    server = DirectServer(lambda: 1_800_000_000.0, mutants)
    call(server, before())

    tear(server, deed(), writes)
    if deed not in {enqueue_three, schedule_three}:
        assert take_snapshot(server).copies.keys() == JOBS, "lost"

    call(server, deed())
    assert take_snapshot(server).copies.keys() == JOBS, "lost"


@pytest.mark.parametrize("writes", range(6))
@pytest.mark.parametrize(("before", "deed"), CASES)
def test_a_torn_script_loses_nothing_and_its_repetition_does_the_rest(
    before: Deed, deed: Deed, writes: int
) -> None:
    play(before, deed, writes)


def play_stranding(writes: int, mutants: Mapping[str, str] | None = None) -> None:
    server = DirectServer(lambda: 1_800_000_000.0, mutants)
    call(server, put_three())
    tear(server, take(LINE, "mail"), writes)
    # Others take what is still in the queue, before the call comes again.
    server.do("DEL", "queue:mail")

    jobs = call(server, take(LINE, "mail"))

    assert len(jobs) == call(server, held(LINE)), "stranded"


@pytest.mark.parametrize("writes", range(4))
def test_a_torn_fetch_strands_nothing_in_a_living_backup(writes: int) -> None:
    play_stranding(writes)


def play_parting(
    deed: Deed, writes: int, mutants: Mapping[str, str] | None = None
) -> None:
    server = DirectServer(lambda: 1_800_000_000.0, mutants)
    call(server, hold_three())

    tear(server, deed(), writes)

    end = take_snapshot(server)
    assert ME in end.processes.keys() | end.graves, "lost"


async def bury_me() -> None:
    await bury(LINE, ME, 1)


async def leave_me() -> None:
    await leave(LINE, ME)


PARTINGS: list[Deed] = [bury_me, leave_me]


@pytest.mark.parametrize("writes", range(3))
@pytest.mark.parametrize("deed", PARTINGS)
def test_there_is_no_moment_at_which_nobody_looks_after_the_jobs(
    deed: Deed, writes: int
) -> None:
    play_parting(deed, writes)


def play_ticking(writes: int, mutants: Mapping[str, str] | None = None) -> None:
    server = DirectServer(lambda: 1_800_000_000.0, mutants)
    order = NewJob("mail", b"1", Lock("token", "jid", 60.0))
    ticking = Ticking("nightly", "60", "120", order)
    server.do("HSET", "kiq:ticks", "nightly", "60")

    tear(server, tick(LINE, [ticking]), writes)
    call(server, tick(LINE, [ticking]))

    copies = server.do("LRANGE", "queue:mail", 0, -1)
    assert copies, "lost"
    # A twin is the same job: it has the jid of the first.
    assert len(copies) <= 2
    assert set(copies) == {b"1"}
    assert server.do("HGET", "kiq:ticks", "nightly") == b"120"
    assert server.do("GET", "kiq:unique:token") == b"jid"


@pytest.mark.parametrize("writes", range(5))
def test_a_torn_tick_is_not_lost(writes: int) -> None:
    play_ticking(writes)


async def delete_from_retry() -> None:
    await move_away(LINE, "retry", [Move(b"1", PAST, None, None, "a", "jid")])


async def delete_from_queue() -> None:
    await remove(LINE, "mail", [Removal(b"1", "a", "jid")])


@pytest.mark.parametrize("writes", range(3))
@pytest.mark.parametrize("deed", [delete_from_retry, delete_from_queue])
def test_no_lock_outlives_a_job_that_is_deleted(deed: Deed, writes: int) -> None:
    server = DirectServer(lambda: 1_800_000_000.0)
    server.do("ZADD", "retry", PAST, b"1")
    server.do("LPUSH", "queue:mail", b"1")
    server.do("SET", "kiq:unique:a", "jid")

    tear(server, deed(), writes)

    is_there = server.do("EXISTS", "retry", "queue:mail") == 2
    assert is_there or not server.do("EXISTS", "kiq:unique:a")

    call(server, deed())
    assert server.do("EXISTS", "kiq:unique:a") == 0


def tear(server: DirectServer, deed: Coroutine[Any, Any, Any], writes: int) -> None:
    (command,) = deed.send(None)
    assert script_of(command)
    server.tear(command, writes)
    deed.close()
