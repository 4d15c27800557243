import time
from collections.abc import Sequence

import pytest

from kiq_trio._store.browsing import Placed
from kiq_trio._store.tending import delete
from kiq_trio._wire.client import Redis
from kiq_trio._wire.memory import MemoryServer
from kiq_trio.api import queues as api_queues
from tests.cli.administration import Admin
from tests.store.chores import payload, wait_in
from tests.store.deeds import names_in, waiting

TOKEN = "f" * 64


def fill(admin: Admin, count: int = 3, queue: str = "mail") -> None:
    async def fill(redis: Redis) -> None:
        jobs = [payload(str(n), enqueued_at=1000 + n) for n in range(count)]
        await wait_in(redis, queue, *jobs)

    admin.do(fill)


def test_queues_are_listed_with_what_waits_in_them(admin: Admin) -> None:
    fill(admin)
    admin.raw("SADD", "paused", "low")

    said = admin("queues", "list")

    title, low, mail = said.lines
    assert title == ["queue", "length", "latency", "paused"]
    assert low == ["low", "0", "0.0", "s", "paused"]
    assert mail[:2] == ["mail", "3"]


def test_queues_are_listed_for_programs(admin: Admin) -> None:
    fill(admin)

    answer = admin.json("queues", "list")

    [queue] = answer["items"]
    assert answer["total"] == 1
    assert queue.pop("latency") > 1e6
    assert queue == {"name": "mail", "length": 3, "paused": False}


def test_no_queues_are_no_failure(admin: Admin) -> None:
    assert admin("queues", "list").out == "there are no queues\n"
    assert admin.json("queues", "list") == {"items": [], "total": 0}


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (("--max-latency", "60"), 1),
        (("--max-latency", "1e12"), 0),
        (("--max-length", "2"), 1),
        (("--max-length", "3"), 0),
        (("--max-length", "2", "--queue", "other"), 0),
        (("--max-length", "2", "--queue", "other", "-q", "mail"), 1),
    ],
)
def test_a_list_of_queues_is_a_probe(
    admin: Admin, limits: tuple[str, ...], code: int
) -> None:
    fill(admin)

    said = admin("queues", "list", *limits, code=code)

    assert said.lines[0][0] == "queue"
    assert said.err.startswith("kiq-trio: mail, ") if code else said.err == ""


def test_a_probe_says_which_queue_fails_it_and_why(admin: Admin) -> None:
    fill(admin)
    fill(admin, 1, "other")

    said = admin("queues", "list", "--max-length", "2", code=1)

    assert said.err == "kiq-trio: mail, jobs that wait: 3, more than 2\n"


def test_who_pauses_a_queue_that_nobody_knows_is_told_so(admin: Admin) -> None:
    said = admin("queues", "pause", "nosuch")

    assert said.out == "nosuch is paused\n"
    assert said.err == (
        "kiq-trio: nobody knows a queue 'nosuch': it has no jobs, and no process\n"
    )
    assert admin.do(lambda redis: names_in(redis, "paused")) == {"nosuch"}


def test_a_queue_is_known_once_it_had_a_job_or_has_a_process(admin: Admin) -> None:
    fill(admin)
    admin.raw("SADD", "processes", "host:1:a")
    admin.raw("HSET", "host:1:a", "info", '{"queues":["served"]}')

    assert admin("queues", "pause", "mail").err == ""
    assert admin("queues", "pause", "served").err == ""


def test_a_queue_is_paused_and_resumed(admin: Admin) -> None:
    assert admin("queues", "pause", "mail").out == "mail is paused\n"
    assert admin("queues", "pause", "mail").out == "mail is paused already\n"
    assert admin.do(lambda redis: names_in(redis, "paused")) == {"mail"}

    answer = admin.json("queues", "resume", "mail")

    assert answer == {"queue": "mail", "resumed": True, "changed": True}
    assert admin.do(lambda redis: names_in(redis, "paused")) == set()


def test_a_queue_is_cleared_and_its_locks_released(admin: Admin) -> None:
    fill(admin, 450)
    fill(admin, 1, "other")
    admin.do(lambda redis: wait_in(redis, "mail", payload("u", unique_token=TOKEN)))
    admin.raw("SET", f"kiq:unique:{TOKEN}", "u")

    assert admin("queues", "clear", "mail", "--yes").out == "451 of 451 deleted\n"

    assert admin.raw("EXISTS", "queue:mail", f"kiq:unique:{TOKEN}") == 0
    assert admin.do(lambda redis: names_in(redis, "queues")) == {"mail", "other"}
    assert len(admin.do(lambda redis: waiting(redis, "other"))) == 1


def test_a_deleted_queue_is_listed_no_more(admin: Admin) -> None:
    fill(admin)

    assert admin.json("queues", "delete", "mail", "--yes") == {"done": 3, "of": 3}

    assert admin.raw("EXISTS", "queue:mail", "queues") == 0


def test_a_queue_into_which_a_job_comes_meanwhile_is_not_forgotten(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(admin)

    async def late(redis: Redis, page: Sequence[Placed]) -> int:
        count = await delete(redis, page)
        await wait_in(redis, "mail", payload("late"))
        return count

    monkeypatch.setattr(api_queues, "delete", late)

    said = admin("queues", "delete", "mail", "--yes", code=1)

    assert "jobs came into 'mail' meanwhile" in said.err
    assert admin.do(lambda redis: names_in(redis, "queues")) == {"mail"}


@pytest.mark.parametrize("verb", ["clear", "delete"])
def test_nothing_is_deleted_without_a_yes(admin: Admin, verb: str) -> None:
    fill(admin)

    said = admin("queues", verb, "mail", code=2)

    assert "Say --yes" in said.err
    assert admin.raw("LLEN", "queue:mail") == 3


def test_a_flag_may_be_given_by_its_variable(admin: Admin) -> None:
    fill(admin)
    admin.variables["KIQ_TRIO_QUEUES_LIST_MAX_LENGTH"] = "2"
    admin.variables["KIQ_TRIO_JSON"] = "1"

    said = admin("queues", "list", code=1)

    assert said.out.startswith('{"items": ')


def test_a_wrong_option_is_misuse(admin: Admin) -> None:
    assert "max-length" in admin("queues", "list", "--max-length", "-1", code=2).err
    assert "timeout" in admin("queues", "list", "--timeout", "0", code=2).err
    assert admin.json("queues", "list", "--timeout", "inf", code=2) == {
        "error": "--timeout must be more than 0 s, got inf",
        "code": 2,
    }


def test_what_redis_refuses_is_told_in_one_line(admin: Admin) -> None:
    admin.raw("SET", "queues", "a string")

    said = admin("queues", "list", code=1)

    [line] = said.err.splitlines()
    assert line.startswith("kiq-trio: ")
    assert "wrong kind of value" in line
    assert admin.json("queues", "list", code=1)["code"] == 1


def test_no_connection_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIQ_TRIO_REDIS_URL", "redis://:secret@127.0.0.1:1/0")
    admin = Admin(MemoryServer())
    began = time.monotonic()

    said = admin("queues", "list", "--timeout", "0.2", code=1)

    assert time.monotonic() - began < 5
    [line] = said.err.splitlines()
    assert "no answer from redis://127.0.0.1:1/0 within 0.2 s: " in line
    assert "secret" not in said.err
