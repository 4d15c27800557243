import json
import re
from typing import Any

import pytest

from kiq_trio._wire.client import Redis
from tests.cli.administration import Admin
from tests.store.chores import lie_in, payload, wait_in

RUBY = "vm:31416:0a84727fd372"


@pytest.fixture
def admin(admin: Admin) -> Admin:
    """With a job in every place, and one that is none."""

    async def fill(redis: Redis) -> None:
        await wait_in(redis, "mail", payload("a"), payload("b", "Report"))
        await wait_in(redis, "low", payload("c", queue="low"))
        await lie_in(redis, "schedule", payload("d"), at=1_800_000_000)
        error = {"error_class": "ValueError", "error_message": "bo\x1b[31mom"}
        await lie_in(redis, "retry", payload("e", "Report", **error))
        await lie_in(redis, "dead", payload("f"), b"non\x1bsense", at=1e300)
        job = {"class": "Mailer", "args": ["x"], "jid": "g", "queue": "mail"}
        work = {"queue": "mail", "payload": json.dumps(job), "run_at": 1_800_000_000}
        await redis.raw("SADD", "processes", RUBY)
        await redis.raw("HSET", f"{RUBY}:work", "1", json.dumps(work), "2", "odd")

    admin.do(fill)
    return admin


def jids(answer: dict[str, Any]) -> list[str]:
    return [one["job"]["jid"] if one["job"] else "?" for one in answer["items"]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["queue"], ["c", "a", "b"]),
        (["queue", "--queue", "mail"], ["a", "b"]),
        (["queue", "-q", "mail", "--class", "Report"], ["b"]),
        (["queue", "-q", "nothing"], []),
        (["queue", "--jid", "c"], ["c"]),
        (["queue", "--per-page", "2"], ["c", "a"]),
        (["queue", "--per-page", "2", "--page", "2"], ["b"]),
        (["queue", "--per-page", "1"], ["c"]),
        (["queue", "--class", "Mailer", "--per-page", "1", "--page", "2"], ["a"]),
        (["schedule"], ["d"]),
        (["retry", "-c", "Report"], ["e"]),
        (["retry", "-q", "low"], []),
        (["dead"], ["?", "f"]),
        (["running"], ["?", "g"]),
        (["running", "--class", "Mailer"], ["g"]),
        (["running", "--queue", "low"], []),
    ],
)
def test_jobs_are_listed_by_place_and_kind(
    admin: Admin, words: list[str], expected: list[str]
) -> None:
    assert jids(admin.json("jobs", "list", *words)) == expected


def test_a_page_is_listed_for_people(admin: Admin) -> None:
    said = admin("jobs", "list", "queue", "--per-page", "2")

    title, *rows, count = said.lines
    assert title == ["jid", "class", "queue", "at", "(UTC)", "args", "error"]
    assert rows == [["c", "Mailer", "low", "1"], ["a", "Mailer", "mail", "1"]]
    assert count == ["3", "jobs,", "page", "1", "of", "2"]
    assert admin("jobs", "list", "queue", "--page", "9").out == "no page 9\n"
    assert admin("jobs", "list", "queue", "-q", "none").out == "no jobs\n"


def test_a_listed_job_comes_with_its_whole_payload(admin: Admin) -> None:
    answer = admin.json("jobs", "list", "dead")

    assert {**answer, "items": ...} == {
        "items": ...,
        "total": 2,
        "page": 1,
        "per_page": 25,
    }
    job = json.loads(payload("f"))
    assert answer["items"] == [
        {"place": "dead", "at": 1e300, "job": None, "raw": "non\x1bsense"},
        {"place": "dead", "at": 1e300, "job": job},
    ]


def test_no_control_character_reaches_a_terminal(admin: Admin) -> None:
    retry, dead = admin("retry", "list").out, admin("dead", "list").out

    assert "ValueError: bo\\x1b[31mom" in retry
    assert "non\\x1bsense" in dead
    assert "\x1b" not in retry + dead
    assert "\x1b" not in admin("jobs", "show", "e").out


def test_ids_are_whole_on_a_narrow_terminal(admin: Admin) -> None:
    jid = "0123456789abcdef01234567"
    long = payload(jid, "AClassWithALongName", x=1, error_class="E" * 50)
    admin.do(lambda redis: lie_in(redis, "retry", long))
    admin.variables.update(FORCE_COLOR="1", NO_COLOR="1", COLUMNS="40")

    said = admin("retry", "list")

    assert jid in said.out
    assert "AClassWithALongName" in said.out
    assert "…" in said.out


def test_no_column_is_left_out_on_a_terminal(admin: Admin) -> None:
    long = payload("0123456789abcdef01234567", args=["x" * 99], error_class="E" * 50)
    admin.do(lambda redis: lie_in(redis, "retry", long))
    admin.variables.update(FORCE_COLOR="1", NO_COLOR="1", COLUMNS="100")

    said = admin("retry", "list")

    title, *rows, _ = re.sub(r"\x1b\[\d*m", "", said.out).splitlines()
    assert title.split() == ["jid", "class", "queue", "at", "(UTC)", "args", "error"]
    assert [len(row) for row in rows] == [100, 100]
    assert rows[0].split()[:3] == ["0123456789abcdef01234567", "Mailer", "mail"]
    assert rows[0].count("…") == 2, "the two texts are cut"


def test_a_job_is_shown_wherever_it_is(admin: Admin) -> None:
    assert admin("jobs", "show", "a").out.startswith('in queue:mail\n{\n  "class": ')
    assert admin("jobs", "show", "d").out.startswith("in schedule at 2027-01-15 08:00")
    assert admin("jobs", "show", "g").out.startswith(f"runs in {RUBY} since 2027-01-15")
    [item] = admin.json("jobs", "show", "g")["items"]
    assert (item["place"], item["process"]) == ("running", RUBY)


def test_a_job_that_is_nowhere_is_a_failure(admin: Admin) -> None:
    assert admin("jobs", "show", "z", code=1).err == "kiq-trio: no job z\n"
    assert admin.json("jobs", "show", "z", code=1) == {"error": "no job z", "code": 1}
    assert "no job z" in admin("jobs", "run", "z", code=1).err
    assert "no job z" in admin("jobs", "delete", "z", "--yes", code=1).err
    assert "no job z" in admin("jobs", "cancel", "z", "--yes", code=1).err


@pytest.mark.parametrize("jid", ["d", "e", "f"])
def test_a_job_is_run_now_wherever_it_waits(admin: Admin, jid: str) -> None:
    assert admin("jobs", "run", jid).out == "1 of 1 put into their queues\n"

    answer = admin.json("jobs", "list", "queue", "-q", "mail")
    assert jids(answer) == ["a", "b", jid]


@pytest.mark.parametrize("jid", ["a", "c", "d", "e", "f"])
def test_a_job_is_deleted_wherever_it_waits(admin: Admin, jid: str) -> None:
    assert admin.json("jobs", "delete", jid, "--yes") == {"done": 1, "of": 1}

    admin("jobs", "show", jid, code=1)


def test_a_job_that_waits_is_cancelled(admin: Admin) -> None:
    answer = admin.json("jobs", "cancel", "a", "--yes", "--reason", "by mistake")

    assert answer == {"jid": "a", "was": "waiting"}
    admin("jobs", "show", "a", code=1)


def test_a_place_that_is_none_is_misuse(admin: Admin) -> None:
    assert "morgue" in admin("jobs", "list", "morgue", code=2).err


def test_a_job_of_rails_is_listed_by_what_it_is(admin: Admin) -> None:
    inner = {"job_class": "Nightly", "arguments": [{"_aj_globalid": "gid://app/A/1"}]}
    wrapped = payload("h", "Sidekiq::ActiveJob::Wrapper", wrapped="Nightly")
    job = json.loads(wrapped) | {"args": [inner]}

    async def fill(redis: Redis) -> None:
        await lie_in(redis, "retry", json.dumps(job).encode())

    admin.do(fill)

    shown = admin("retry", "list").out

    assert "Nightly" in shown
    assert '"gid://app/A/1"' in shown
    assert "Wrapper" not in shown
