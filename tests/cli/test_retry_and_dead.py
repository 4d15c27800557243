"""What failed: run again, killed, deleted; one job or many, broken off or not."""

import os
import signal
from collections.abc import Sequence
from typing import Any

import pytest
import trio
from rich.progress import Progress

from kiq_trio._store.browsing import Placed
from kiq_trio._store.tending import delete, run_again
from kiq_trio._wire.client import Redis
from kiq_trio.api import sets
from kiq_trio.cli import asking, toiling
from tests.cli.administration import Admin
from tests.store.chores import lie_in, payload
from tests.store.deeds import waiting


@pytest.fixture
def admin(admin: Admin) -> Admin:
    """With 450 jobs in both sets, a third of them reports, and one that is none."""

    async def fill(redis: Redis) -> None:
        kinds = ("Mailer", "Mailer", "Report")
        jobs = [payload(f"j{n}", kinds[n % 3], retry_count=1) for n in range(450)]
        await lie_in(redis, "retry", *jobs, b"nonsense")
        await lie_in(redis, "dead", *jobs, b"nonsense")

    admin.do(fill)
    return admin


def count(admin: Admin, place: str) -> int:
    return int(admin.raw("ZCARD", place))


@pytest.mark.parametrize("place", ["retry", "dead"])
def test_one_job_is_run_again(admin: Admin, place: str) -> None:
    assert admin.json(place, "run", "j7") == {"done": 1, "of": 1}

    assert count(admin, place) == 450
    [job] = admin.do(lambda redis: waiting(redis, "mail"))
    assert b'"jid":"j7"' in job
    assert b'"retry_count":0' in job


@pytest.mark.parametrize("place", ["retry", "dead"])
def test_all_are_run_again_but_what_is_no_job(admin: Admin, place: str) -> None:
    said = admin(place, "run", "--all")

    assert said.out == "450 of 451 put into their queues\n"
    assert count(admin, place) == 1
    assert admin.raw("LLEN", "queue:mail") == 450


@pytest.mark.parametrize(
    ("words", "done"),
    [
        (["--all", "--class", "Report"], 150),
        (["--all", "--class", "Report", "--queue", "low"], 0),
        (["--all"], 451),
        (["j7"], 1),
    ],
)
def test_what_is_wanted_is_killed(admin: Admin, words: list[str], done: int) -> None:
    admin.raw("DEL", "dead")

    answer = admin.json("retry", "kill", *words, "--yes")

    assert answer == {"done": done, "of": done}
    assert (count(admin, "retry"), count(admin, "dead")) == (451 - done, done)


@pytest.mark.parametrize("place", ["retry", "dead"])
def test_what_is_wanted_is_deleted(admin: Admin, place: str) -> None:
    said = admin(place, "delete", "--all", "-c", "Report", "-y")

    assert said.out == "150 of 150 deleted\n"
    assert count(admin, place) == 301


def test_the_dead_are_cleared(admin: Admin) -> None:
    assert admin("dead", "clear", "--yes").out == "451 of 451 deleted\n"

    assert (count(admin, "dead"), count(admin, "retry")) == (0, 451)


@pytest.mark.parametrize(
    "words",
    [
        ["retry", "run"],
        ["retry", "delete", "--yes"],
        ["retry", "kill", "j7", "--all", "--yes"],
        ["dead", "delete", "j7", "--class", "Report", "--yes"],
        ["dead", "run", "--class", "Report"],
    ],
)
def test_a_deed_is_for_one_job_or_for_all(admin: Admin, words: list[str]) -> None:
    assert "--all" in admin(*words, code=2).err

    assert (count(admin, "retry"), count(admin, "dead")) == (451, 451)


@pytest.mark.parametrize(
    "words",
    [
        ["retry", "kill", "--all"],
        ["retry", "delete", "j7"],
        ["dead", "delete", "--all"],
        ["dead", "clear"],
    ],
)
def test_who_destroys_is_asked_first(
    admin: Admin, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "can_answer", lambda: True)

    said = admin(*words, code=1, typed="n\n")
    assert "nothing was done" in said.err
    assert (count(admin, "retry"), count(admin, "dead")) == (451, 451)

    admin(*words, typed="y\n")
    assert count(admin, words[0]) < 451


def test_a_job_that_goes_on_meanwhile_is_left_alone(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_late(redis: Redis, page: Sequence[Placed], **times: Any) -> int:
        await redis.raw("ZINCRBY", "retry", 5, payload("j7", "Mailer", retry_count=1))
        return await run_again(redis, page, **times)

    monkeypatch.setattr(sets, "run_again", run_late)

    assert "no job j7 in retry" in admin("retry", "run", "j7", code=1).err

    assert count(admin, "retry") == 451
    assert admin.raw("EXISTS", "queue:mail") == 0


async def delete_once(redis: Redis, page: Sequence[Placed]) -> int:
    """Delete the first page; on the second, get stuck."""
    if page[0].job is not None and page[0].job.jid == "j0":
        return await delete(redis, page)
    await trio.sleep_forever()
    raise AssertionError


def test_who_breaks_it_off_is_told_what_is_done(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(redis: Redis, page: Sequence[Placed]) -> int:
        if page[0].job is None or page[0].job.jid != "j0":
            os.kill(os.getpid(), signal.SIGINT)
        return await delete_once(redis, page)

    monkeypatch.setattr(sets, "delete", interrupted)

    said = admin("dead", "clear", "--yes", code=130)

    assert said.err == "kiq-trio: interrupted; 200 of 451 deleted for sure\n"
    assert count(admin, "dead") == 251


def test_a_redis_that_falls_silent_half_way_is_not_waited_for(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "delete", delete_once)

    said = admin.json("dead", "clear", "--yes", "--timeout", "0.3", code=1)

    assert said["error"].startswith("no answer from ")
    assert said["error"].endswith("within 0.3 s; 200 of 451 deleted for sure")


def test_progress_is_shown_on_a_terminal(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toiling, "is_watched", lambda: True)
    told: list[tuple[Any, Any]] = []
    update = Progress.update

    def note(self: Progress, task: Any, **fields: Any) -> None:
        told.append((fields["completed"], fields["total"]))
        update(self, task, **fields)

    monkeypatch.setattr(Progress, "update", note)

    said = admin("dead", "clear", "--yes")

    assert said.out == "451 of 451 deleted\n"
    assert told == [(200, 451), (400, 451), (451, 451)]
