"""What there is as a whole: stats, processes, periodic jobs, and clearing it all."""

import json
import os
import re
import signal
import time
from typing import Any

import pytest
import trio

from kiq_trio import api
from kiq_trio._store.registering import register
from kiq_trio._store.rota import write_periodics
from kiq_trio._wire.client import Redis
from tests.cli.administration import Admin
from tests.store.chores import lie_in, payload, wait_in

OURS, RUBY, PART = "host:1:me", "vm:2:ruby", "web:3:part"


async def show(redis: Redis, identity: str, **info: Any) -> None:
    fields = {
        "info": json.dumps({"queues": ["mail", "low"], **info}),
        "concurrency": 5,
        "busy": 2,
        "beat": time.time() - 3,
        "rss": 20480,
        "quiet": "false",
    }
    await redis.raw("SADD", "processes", identity)
    await redis.raw(
        "HSET", identity, *(part for pair in fields.items() for part in pair)
    )


@pytest.fixture
def busy(admin: Admin) -> Admin:
    async def fill(redis: Redis) -> None:
        await register(redis, OURS)
        await show(redis, RUBY, tag="app")
        await show(redis, PART, embedded=True)
        await wait_in(redis, "mail", payload("a", enqueued_at=1000), payload("b"))
        await lie_in(redis, "retry", payload("c"))
        await lie_in(redis, "dead", payload("d"))
        await redis.raw("SET", "stat:processed", 12345)

    admin.do(fill)
    return admin


def test_everything_is_counted_for_people(busy: Admin) -> None:
    said = busy("stats")

    assert ["processed", "12,345"] in said.lines
    assert ["enqueued", "2"] in said.lines
    assert ["processes", "3"] in said.lines
    assert said.lines[-1][:2] == ["mail", "2"]
    assert "busy, processed and failed as of the last heartbeats, up to " in said.out


def test_everything_is_counted_for_programs(busy: Admin) -> None:
    answer = busy.json("stats")

    assert (answer["processed"], answer["enqueued"], answer["busy"]) == (12345, 2, 4)
    assert answer["queues"][0]["name"] == "mail"
    assert answer["latency"] > 1e6
    assert answer["beat_age"] > 0


def test_what_runs_is_said_to_be_as_old_as_the_heartbeats(busy: Admin) -> None:
    said = busy("jobs", "list", "running")

    assert said.lines[0] == ["nothing", "runs"]
    assert said.out.splitlines()[1].startswith("as of the last heartbeats, up to ")
    assert busy.json("jobs", "list", "running")["beat_age"] > 0


def test_garbage_among_the_processes_hides_none(busy: Admin) -> None:
    busy.raw("SET", "odd", "a string")
    busy.raw("SADD", "processes", "odd")
    busy.raw("HSET", PART, "busy", "inf", "rss", "1e400", "beat", "nan")

    assert busy.json("stats")["busy"] == 2
    assert "odd" not in busy("processes", "list").out
    assert PART in busy("processes", "list").out
    assert busy("jobs", "list", "running").out.startswith("nothing runs\n")


@pytest.mark.parametrize(
    ("limits", "wrong"),
    [
        (["--max-latency", "60"], "a job has waited for .*, longer than 60 s"),
        (["--max-latency", "1e12"], None),
        (["--min-processes", "3"], None),
        (["--min-processes", "4"], "processes: 3, fewer than 4"),
        (["--max-latency", "60", "--min-processes", "4"], ".* 60 s; processes: 3, .*"),
    ],
)
def test_stats_are_a_probe_that_says_what_is_wrong(
    busy: Admin, limits: list[str], wrong: str | None
) -> None:
    said = busy("stats", *limits, code=0 if wrong is None else 1)

    assert ["processed", "12,345"] in said.lines
    assert re.fullmatch("" if wrong is None else f"kiq-trio: {wrong}\n", said.err)


@pytest.mark.parametrize("variables", [{}, {"FORCE_COLOR": "1"}])
def test_stats_are_watched_until_somebody_has_seen_enough(
    busy: Admin, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    busy.variables.update(variables)
    looks = 0

    async def look(redis: Redis) -> Any:
        nonlocal looks
        looks += 1
        if looks == 3:
            os.kill(os.getpid(), signal.SIGINT)
            await trio.sleep_forever()
        return await read(redis)

    read = api.Stats.read
    monkeypatch.setattr(api.Stats, "read", look)

    said = busy("stats", "--watch", "--interval", "0.1", code=130)

    assert said.out.count("12,345") >= 1
    assert said.err == "kiq-trio: interrupted\n"


def test_processes_are_listed_with_how_they_are(busy: Admin) -> None:
    said = busy("processes", "list")

    title, ours, ruby, part = said.lines
    assert title == ["process", "busy", "beat", "memory", "state", "queues"]
    assert ours[:3] == [OURS, "0/0", "never"]
    assert "silent" in ours
    assert ruby[:2] == [RUBY, "2/5"]
    assert ruby[-5:] == ["20", "MiB", "running", "mail,", "low"]
    assert "embedded" in part


def test_processes_are_listed_for_programs(busy: Admin) -> None:
    answer = busy.json("processes", "list", "--at-least", "3")

    ours, ruby, _ = answer["items"]
    assert (ours["registered"], ours["shown"]) == (True, False)
    assert (ruby["tag"], ruby["rss_kib"], ruby["queues"]) == (
        "app",
        20480,
        ["mail", "low"],
    )
    said = busy("processes", "list", "--at-least", "4", code=1)
    assert said.err == "kiq-trio: processes: 3, fewer than 4\n"


@pytest.mark.parametrize(
    ("verb", "sent"), [("quiet", b"TSTP"), ("stop", b"TERM"), ("dump", b"TTIN")]
)
def test_a_process_is_asked_by_a_signal(busy: Admin, verb: str, sent: bytes) -> None:
    yes = ["--yes"] if verb == "stop" else []

    said = busy("processes", verb, RUBY, *yes)

    assert said.out.startswith(f"{RUBY} is asked to ")
    assert busy.raw("LRANGE", f"{RUBY}-signals", 0, -1) == [sent]


def test_all_that_obey_are_asked(busy: Admin) -> None:
    answer = busy.json("processes", "stop", "--all", "--yes")

    assert answer == {"done": 1, "of": 3, "items": [RUBY]}
    assert busy.raw("EXISTS", f"{PART}-signals", f"{OURS}-signals") == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["quiet"], 2, "--all"),
        (["quiet", RUBY, "--all"], 2, "--all"),
        (["quiet", "nobody"], 1, "no process nobody"),
        (["quiet", PART], 1, "obeys no such signal"),
        (["stop", RUBY], 2, "--yes"),
    ],
)
def test_nobody_is_asked_by_mistake(
    busy: Admin, words: list[str], code: int, message: str
) -> None:
    assert message in busy("processes", *words, code=code).err

    assert busy.raw("EXISTS", f"{RUBY}-signals", f"{PART}-signals") == 0


def test_no_processes_are_no_failure(admin: Admin) -> None:
    assert admin("processes", "list").out == "there are no processes\n"
    assert admin("processes", "quiet", "--all").out == "there are no processes\n"


def test_everything_is_cleared_if_nobody_else_is_there(admin: Admin) -> None:
    admin.do(lambda redis: lie_in(redis, "retry", payload("a"), payload("b")))

    assert "Say --yes" in admin("clear", code=2).err
    assert admin.json("clear", "--yes") == {"done": 2, "of": 2}

    assert admin.raw("DBSIZE") == 0


def test_the_jobs_of_others_are_cleared_with_a_yes_only(busy: Admin) -> None:
    said = busy("clear", code=1)

    assert "processes are registered" in said.err
    assert RUBY in said.err
    assert busy.raw("ZCARD", "retry") == 1

    assert busy("clear", "-y").out == "4 deleted\n"
    assert busy.raw("ZCARD", "retry") == 0


@pytest.fixture
def periodic(admin: Admin) -> Admin:
    fields = {
        "crontab": "0 9 * * *",
        "timezone": "Europe/Berlin",
        "catch_up": "latest",
        "worker": "Report",
        "queue": "low",
        "args": [1],
    }
    admin.do(lambda redis: write_periodics(redis, {"morning": fields}))
    return admin


def test_periodic_jobs_are_listed(periodic: Admin) -> None:
    title, row = periodic("cron", "list").lines
    assert title[:2] == ["periodic", "crontab"]
    assert row[:8] == ["morning", "0", "9", "*", "*", "*", "Europe/Berlin", "never"]

    [item] = periodic.json("cron", "list")["items"]
    assert (item["name"], item["args"], item["is_paused"]) == ("morning", [1], False)
    assert item["next_tick"] > 1_700_000_000


def test_no_periodic_jobs_are_no_failure(admin: Admin) -> None:
    assert admin("cron", "list").out == "there are no periodic jobs\n"


def test_a_periodic_job_is_paused_and_resumed(periodic: Admin) -> None:
    assert periodic("cron", "pause", "morning").out == "morning is paused\n"
    assert periodic("cron", "pause", "morning").out == "morning is paused already\n"
    assert periodic.json("cron", "list")["items"][0]["is_paused"]

    answer = periodic.json("cron", "resume", "morning")

    assert answer == {"periodic": "morning", "resumed": True, "changed": True}
    assert not periodic.json("cron", "list")["items"][0]["is_paused"]


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_periodic_job_may_be_called_by_its_worker(periodic: Admin, verb: str) -> None:
    assert periodic.json("cron", verb, "Report")["periodic"] == "morning"


@pytest.mark.parametrize("words", [("pause",), ("resume",), ("forget", "-y")])
def test_a_worker_with_several_periodic_jobs_names_none_of_them(
    periodic: Admin, words: tuple[str, ...]
) -> None:
    [item] = periodic.json("cron", "list")["items"]
    periodic.do(lambda redis: write_periodics(redis, {"noon": item}))

    said = periodic("cron", *words, "Report", code=1)

    assert "'Report' has several periodic jobs" in said.err
    assert "'morning', 'noon'" in said.err
    assert len(periodic.json("cron", "list")["items"]) == 2


def test_a_periodic_job_is_forgotten(periodic: Admin) -> None:
    assert periodic("cron", "forget", "morning", "-y").out == "morning is forgotten\n"

    assert periodic.json("cron", "list")["items"] == []
    assert "called 'morning'" in periodic("cron", "forget", "morning", "-y", code=1).err


def test_a_periodic_job_that_nobody_has_is_a_failure(periodic: Admin) -> None:
    said = periodic("cron", "pause", "noon", code=1)

    assert "no periodic job is called 'noon' (known: morning)" in said.err
