"""Accounts for every job of the demonstration.

Three witnesses who do not know each other: what `enqueue_many` returned, what the
jobs wrote down themselves, and what Redis holds, read key by key with plain
commands. None of our own counters is asked.
"""

import json
from collections.abc import Collection, Mapping, Sequence

import attrs

from kiq_trio._wire.client import Redis

DEAD = "dead"
BACKUP = "kiq:backup|"


@attrs.frozen
class Expected:
    """The jobs of one kind, and what should become of them.

    Attributes:
        kind: what the table calls them.
        jids: those that Redis has acknowledged.
        runs: how often each begins if nobody is killed.
        dies: whether they end in the dead set, and are not done.
    """

    kind: str
    jids: Collection[str]
    runs: int
    dies: bool


@attrs.frozen
class Evidence:
    """What was found.

    Attributes:
        began: how many runs of each job began.
        ended: how often each job did its work.
        places: in which key of Redis each job that is there is.
        in_flight: the jobs that the killed process held.
    """

    began: Mapping[str, int]
    ended: Mapping[str, int]
    places: Mapping[str, str]
    in_flight: Collection[str]


@attrs.frozen
class Row:
    """What became of the jobs of one kind."""

    kind: str
    enqueued: int
    done: int
    dead: int
    lost: int
    run_again: int
    is_proven: bool


@attrs.frozen(kw_only=True)
class Balance:
    """What became of all jobs.

    Attributes:
        rows: one for each kind.
        total: their sum.
        in_flight: how many jobs the process held that was killed.
        seconds: how long it all took.
        is_proven: whether each job is accounted for, and nothing else is there.
    """

    rows: Sequence[Row]
    total: Row
    in_flight: int
    seconds: float = 0.0
    is_proven: bool


def account(expected: Expected, found: Evidence) -> Row:
    """Say what became of these jobs.

    Done is what did its work and is nowhere in Redis; dead is what is in the dead
    set; everything else is lost, wherever it may be.
    """
    done = {
        jid for jid in expected.jids if jid in found.ended and jid not in found.places
    }
    dead = {jid for jid in expected.jids if found.places.get(jid) == DEAD}
    again = {jid for jid in expected.jids if found.began.get(jid, 0) > expected.runs}
    lost = len(expected.jids) - len(done) - len(dead)
    return Row(
        kind=expected.kind,
        enqueued=len(expected.jids),
        done=len(done),
        dead=len(dead),
        lost=lost,
        run_again=len(again),
        is_proven=(
            not lost
            and not (done if expected.dies else dead)
            # At least once is the promise; twice is for what was in flight only.
            and again <= set(found.in_flight)
        ),
    )


def add_up(rows: Sequence[Row]) -> Row:
    """Return the row beneath them."""
    return Row(
        kind="all",
        enqueued=sum(row.enqueued for row in rows),
        done=sum(row.done for row in rows),
        dead=sum(row.dead for row in rows),
        lost=sum(row.lost for row in rows),
        run_again=sum(row.run_again for row in rows),
        is_proven=all(row.is_proven for row in rows),
    )


async def take_snapshot(redis: Redis) -> list[tuple[str, str]]:
    """Return the jid of every job in Redis with its key, all at one moment."""
    flat = await redis.raw("EVAL", _SNAPSHOT, 0)
    return [
        (json.loads(payload)["jid"], key.decode())
        for key, payload in zip(flat[::2], flat[1::2], strict=True)
    ]


def count_in_two_places(snapshot: Sequence[tuple[str, str]]) -> int:
    """Return how many jobs are in Redis more than once."""
    return len(snapshot) - len({jid for jid, _ in snapshot})


_SNAPSHOT = """
local found = {}
local function add(key, payload)
  found[#found + 1] = key
  found[#found + 1] = payload
end
for _, key in ipairs(redis.call('KEYS', '*')) do
  if key:find('^queue:') then
    for _, payload in ipairs(redis.call('LRANGE', key, 0, -1)) do
      add(key, payload)
    end
  elseif key == 'schedule' or key == 'retry' or key == 'dead' then
    for _, payload in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      add(key, payload)
    end
  elseif key:find('^kiq:backup|') then
    for _, value in ipairs(redis.call('HVALS', key)) do
      add(key, value:sub(value:find('\\n') + 1))
    end
  end
end
return found
"""
