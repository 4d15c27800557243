"""The tables of places and ways, held against what the scripts do."""

import re
from typing import get_args

import pytest

from kiq_trio._store.fetching import Delivery
from kiq_trio._store.key_table import KEYS
from kiq_trio._store.keys import DEAD, GRAVES, RETRY, SCHEDULE
from kiq_trio._store.places import DESTINATIONS, PLACES, WAYS, Place
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._store.settling import (
    Ack,
    Kill,
    Later,
    Requeue,
    Retry,
    Settled,
    Settlement,
)
from kiq_trio._wire.client import Redis
from kiq_trio._wire.script import Script
from tests.store.deeds import FUTURE, ME, held, join, members, move, put, take, waiting

TYPES = {key.pattern: key.redis_type for key in KEYS}
KEYS_OF_JOBS = {place.key for place in PLACES} - {""}

# What these do to a key of jobs, and what kind of key that must be.
PUTS = {"LPUSH": "list", "RPUSH": "list", "ZADD": "zset", "HSET": "hash"}
TAKES = {
    "LTRIM": "list",
    "LREM": "list",
    "ZREM": "zset",
    "ZREMRANGEBYSCORE": "zset",
    "ZREMRANGEBYRANK": "zset",
    "HDEL": "hash",
}


def keys_of(script: Script) -> dict[str, set[str]]:
    """Return which keys of jobs each entry of KEYS may be, by the script's header."""
    declared = re.findall(
        r"^--   KEYS\[(\d+)\](…?)\s+(.+?)  +", script.source, re.MULTILINE
    )
    places: dict[str, set[str]] = {}
    for number, and_more, names in declared:
        patterns = {
            re.sub(r"<(\w+)>", lambda m: m[1].upper(), n) for n in names.split(" or ")
        }
        # Behind the fixed ones, an index is computed.
        places["place" if and_more else number] = patterns & KEYS_OF_JOBS
    named = re.search(r"^local sets = \{(.+)\}$", script.source, re.MULTILINE)
    if named is not None:
        numbers = re.findall(r"KEYS\[(\d+)\]", named[1])
        places["sets"] = set().union(*(places[number] for number in numbers))
    return places


def touched(script: Script, commands: dict[str, str]) -> set[str]:
    """Return the keys of jobs to which *script* does any of *commands*."""
    places = keys_of(script)
    found = set()
    # What is given another time (XX) is where it was.
    calls = re.findall(
        r"redis\.call\('(\w+)', (?:KEYS\[(\w+)\]|(sets)\[)(?!, 'XX')", script.source
    )
    for command, index, named in calls:
        if command in commands:
            candidates = places.get(index or named, set())
            found |= {key for key in candidates if TYPES[key] == commands[command]}
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_ways_of_a_script_are_what_it_puts_and_takes(script: Script) -> None:
    ways = [way for way in WAYS if script.name in way.scripts]
    # From running to left behind, a job stays where it is.
    moving = [way for way in ways if way.start.key != way.end.key]

    assert touched(script, PUTS) == {way.end.key for way in moving} - {""}
    assert touched(script, TAKES) == {way.start.key for way in moving} - {""}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_job_is_left_behind_by_exactly_those_scripts_that_dig_a_grave(
    script: Script,
) -> None:
    graves = re.search(rf"^--   KEYS\[(\d+)\]\s+{GRAVES} ", script.source, re.MULTILINE)
    digs = graves and f"redis.call('SADD', KEYS[{graves[1]}]" in script.source
    leaves = any(
        script.name in way.scripts and way.start.key == way.end.key for way in WAYS
    )

    assert bool(digs) == leaves


def test_every_way_has_a_script_and_every_place_a_key_that_there_is() -> None:
    names = {script.name for script in SCRIPTS}

    assert {name for way in WAYS for name in way.scripts} <= names
    assert set(TYPES) >= KEYS_OF_JOBS
    assert {place for way in WAYS for place in way[:2]} == set(PLACES)


def test_from_every_place_a_way_leads_to_the_end() -> None:
    ended = {PLACES[-1]}
    while more := {w.start for w in WAYS if w.end in ended} - ended:
        ended |= more

    assert ended == set(PLACES)


def test_a_settlement_has_one_place_and_a_way_to_it() -> None:
    assert set(DESTINATIONS) == set(get_args(Settlement))
    ends = {way.end for way in WAYS if way.start.state == "running"}
    assert set(DESTINATIONS.values()) == ends - {_place("left behind")}


@pytest.mark.parametrize(
    "settlement",
    [Ack(), Retry(FUTURE, b"x"), Later(FUTURE, b"x"), Kill(FUTURE, b"x"), Requeue()],
    ids=lambda settlement: type(settlement).__name__,
)
async def test_a_settlement_brings_a_job_to_its_place_and_to_no_other(
    redis: Redis, settlement: Settlement
) -> None:
    await join(redis, ME)
    await put(redis, "mail", b"x")
    deliveries: list[Delivery] = await take(redis, "mail")

    assert await move(redis, (deliveries[0], settlement)) == [Settled.MOVED]

    filled = {
        "queue:NAME": await waiting(redis, "mail"),
        SCHEDULE: await members(redis, SCHEDULE),
        RETRY: await members(redis, RETRY),
        DEAD: await members(redis, DEAD),
        "kiq:backup|ID": await held(redis),
    }
    expected = {DESTINATIONS[type(settlement)].key} - {""}
    assert {key for key, jobs in filled.items() if jobs} == expected


def _place(state: str) -> Place:
    return next(place for place in PLACES if place.state == state)
