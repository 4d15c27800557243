"""Of all the tasks of a process, people want to see those of its jobs."""

import attrs

from kiq_trio._services.dumper import Dump
from kiq_trio._services.stacks import Branch, Spot, Work
from kiq_trio.cli.task_tree import show_dump, tell_dump

WORK = Work(jid="j1", job_class="Mail", queue="low", running_for=3.21)
SPOT = Spot("/app/mail.py", 7, "Mail", "await smtp.send(letter)")


def task(depth: int, name: str, *, work: Work | None = None) -> Branch:
    return Branch(depth=depth, name=name, stack=(SPOT,), work=work)


DUMP = Dump(
    identity="host:1:me",
    at=1.5,
    tasks=(
        task(0, "root"),
        task(1, "consumer", work=WORK),
        task(2, "child"),
        task(3, "grandchild"),
        task(1, "idle consumer"),
        task(2, "somebody's child"),
        task(1, "consumer", work=attrs.evolve(WORK, jid="j2")),
    ),
)


def test_people_are_shown_the_jobs_and_what_is_below_them() -> None:
    lines = [*show_dump(DUMP, everything=False)]

    assert [line for line in lines if " at " not in line] == [
        "host:1:me: 2 jobs run",
        "  job j1 (Mail, queue low), running for 3.2 s",
        "    child",
        "      grandchild",
        "  job j2 (Mail, queue low), running for 3.2 s",
    ]
    assert lines[2] == "    at /app/mail.py:7 in Mail: await smtp.send(letter)"


def test_people_may_see_everything() -> None:
    lines = [*show_dump(DUMP, everything=True)]

    assert lines[1] == "  root"
    assert "      somebody's child" in lines


def test_programs_are_told_the_same() -> None:
    told = tell_dump(DUMP, everything=False)

    assert (told["process"], told["at"]) == ("host:1:me", 1.5)
    assert "tasks" not in told
    first, second = told["jobs"]
    assert (first["jid"], first["class"], first["queue"]) == ("j1", "Mail", "low")
    assert [each["name"] for each in first["tasks"]] == [
        "consumer",
        "child",
        "grandchild",
    ]
    assert first["tasks"][0]["stack"][0]["line"] == 7
    assert [each["depth"] for each in second["tasks"]] == [1]
    assert len(tell_dump(DUMP, everything=True)["tasks"]) == len(DUMP.tasks)
