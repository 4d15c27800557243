"""What a doctor makes of what there is."""

import json
from typing import Any

import attrs
import pytest
from trio.testing import MockClock

from kiq_trio._store.diagnosing import Facts
from kiq_trio.cli import cluster_checks, server_checks
from kiq_trio.cli.diagnosis import Patient, Verdict, diagnose, examine, worst
from tests.cli.program import started
from tests.conftest import EPOCH
from tests.journey.conftest import KiqMaker, make_kiq, memory, recorder
from tests.servers import RealServer

__all__ = ["make_kiq", "memory", "recorder"]

ME = "host:1:me"
SHOWN = {"info": b'{"labels": ["kiq_trio"], "queues": ["default"]}'}
RUBY = {"info": b'{"labels": ["reliable"], "queues": ["ruby"]}'}
CHECKS = (*server_checks.CHECKS, *cluster_checks.CHECKS)

FACTS = Facts(
    info={
        "redis_version": "7.2.4",
        "role": "master",
        "connected_slaves": "1",
        "maxmemory_policy": "noeviction",
        "aof_enabled": "1",
        "aof_last_write_status": "ok",
        "used_memory": "1000",
        "maxmemory": "10000",
    },
    time=EPOCH,
    misfits={},
    registered=frozenset({ME}),
    shown={ME: SHOWN},
    backups=frozenset({ME}),
    graves=frozenset(),
    waiting={"default": 3},
    paused=frozenset(),
    due_at={"schedule": EPOCH + 100},
    dead=0,
)
HEALTHY = Patient(facts=FACTS, latency=0.001, skew=0.2)


def but(**changes: Any) -> Patient:
    """Return a healthy patient but for these facts."""
    return attrs.evolve(HEALTHY, facts=attrs.evolve(FACTS, **changes))


def told(**info: str) -> Patient:
    """Return a patient whose server says something else of itself."""
    return but(info={**FACTS.info, **info})


def test_who_is_healthy_has_nothing_to_do() -> None:
    findings = diagnose(HEALTHY, CHECKS)

    assert worst(findings) is Verdict.OK
    assert len(findings) == len(CHECKS)
    assert [finding.advice for finding in findings] == [""] * len(CHECKS)


@pytest.mark.parametrize(
    ("patient", "check", "verdict", "finding"),
    [
        (attrs.evolve(HEALTHY, latency=0.2), "connection", "warn", "in 200.0 ms"),
        (told(cluster_enabled="1"), "server", "fail", "a cluster"),
        (told(role="slave"), "server", "fail", "a slave"),
        (told(maxmemory_policy="allkeys-lru"), "eviction", "fail", "allkeys-lru"),
        (told(aof_enabled="0"), "persistence", "warn", "appendonly is off"),
        (
            told(aof_last_write_status="err", rdb_last_bgsave_status="err"),
            "persistence",
            "fail",
            "the last write of the append-only file and the last snapshot failed",
        ),
        (told(used_memory="8500"), "memory", "warn", "85% of maxmemory"),
        (told(used_memory="9900"), "memory", "fail", "99% of maxmemory"),
        (
            told(maxmemory="0", total_system_memory="1001"),
            "memory",
            "fail",
            "100% of the machine's memory",
        ),
        (attrs.evolve(HEALTHY, skew=2.0), "clock", "warn", "2.0 s ahead of"),
        (attrs.evolve(HEALTHY, skew=-90.0), "clock", "fail", "90.0 s behind"),
        (
            but(misfits={"dead": ("zset", "list")}),
            "keys",
            "fail",
            "'dead' is a list, but should be a zset",
        ),
        (
            but(registered={ME, "a:1:b"}),
            "processes",
            "warn",
            "registered, but silent for a minute: a:1:b",
        ),
        (
            but(shown={ME: SHOWN, "a:1:b": SHOWN}),
            "processes",
            "warn",
            "shown, but not registered: a:1:b",
        ),
        (
            but(shown={ME: SHOWN, "a:1:b": {}}),
            "processes",
            "warn",
            "listed, but silent for a minute: a:1:b",
        ),
        (
            but(shown={}, registered=frozenset(), backups=frozenset(), waiting={}),
            "processes",
            "warn",
            "none runs",
        ),
        (but(graves={"a:1:b"}), "orphans", "warn", "left behind by a:1:b"),
        (
            but(backups={ME, *"abcde"}),
            "orphans",
            "warn",
            "left behind by a, b, c and 2 more",
        ),
        (
            but(waiting={"default": 3, "mail": 1_200}),
            "queues",
            "warn",
            "1,200 jobs wait in 'mail', which nobody serves",
        ),
        (but(waiting={"mail": 1}), "queues", "warn", "1 job waits in 'mail', which"),
        (but(paused={"default"}), "queues", "warn", "'default', which is paused"),
        (
            but(due_at={"retry": EPOCH - 90}),
            "schedules",
            "warn",
            "a job of 'retry' has been due for 90 s",
        ),
    ],
)
def test_what_is_wrong_is_found_with_what_to_do(
    patient: Patient, check: str, verdict: str, finding: str
) -> None:
    findings = diagnose(patient, CHECKS)

    [found] = [each for each in findings if each.verdict is not Verdict.OK]
    assert (found.check, found.verdict) == (check, verdict)
    assert finding in found.finding
    assert found.advice.endswith(".")


@pytest.mark.parametrize(
    "patient",
    [
        but(shown={ME: SHOWN, "ruby:1:r": RUBY}, waiting={"ruby": 1, "mail": 0}),
        but(
            backups={ME, "a:1:b"},
            registered={ME, "a:1:b"},
            shown={ME: SHOWN, "a:1:b": SHOWN},
        ),
        told(maxmemory="0"),
        told(valkey_version="8.0.1"),
    ],
    ids=["Ruby", "two", "unlimited", "Valkey"],
)
def test_what_is_in_order_is_not_complained_of(patient: Patient) -> None:
    assert worst(diagnose(patient, CHECKS)) is Verdict.OK


def test_what_a_process_shows_of_itself_may_be_nonsense() -> None:
    nonsense = [b"{", b"[]", b'{"queues": [1]}']
    shown = {f"a:{n}:b": {"info": text} for n, text in enumerate(nonsense)}

    findings = diagnose(but(shown={ME: SHOWN, **shown}), CHECKS)

    assert worst(findings) is Verdict.OK


async def test_a_running_kiq_is_well(
    autojump_clock: MockClock, make_kiq: KiqMaker
) -> None:
    async with make_kiq() as kiq:
        patient = await examine(kiq.redis, now=lambda: EPOCH)

        findings = diagnose(patient, cluster_checks.CHECKS)

    assert worst(findings) is Verdict.OK, findings
    assert abs(patient.skew) < 1


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 1)])
def test_a_warning_fails_only_if_it_is_to(
    real_server: RealServer, strict: tuple[str, ...], code: int
) -> None:
    with real_server.client() as client:
        client.flushall()

    with started("doctor", "--json", *strict, url=real_server.unix_url) as program:
        said, _ = program.communicate(timeout=20)

    answer = json.loads(said)
    assert program.returncode == code
    assert answer["verdict"] == "warn"
    assert {each["check"]: each["verdict"] for each in answer["findings"]} == {
        "connection": "ok",
        "server": "ok",
        "eviction": "ok",
        "persistence": "warn",
        "memory": "ok",
        "clock": "ok",
        "keys": "ok",
        "processes": "warn",
        "orphans": "ok",
        "queues": "ok",
        "schedules": "ok",
    }


@pytest.mark.slow
@pytest.mark.server
def test_what_fails_is_shown_to_people_and_to_probes(real_server: RealServer) -> None:
    with real_server.client() as client:
        client.flushall()
        client.set("dead", "[bold]")

        with started("doctor", url=real_server.unix_url) as program:
            said, _ = program.communicate(timeout=20)
        client.flushall()

    assert program.returncode == 1
    assert "fail  keys" in said
    assert "'dead' is a string, but should be a zset" in said


@pytest.mark.slow
def test_no_answer_is_one_sentence() -> None:
    nowhere = "redis://127.0.0.1:1"

    with started("doctor", "--timeout", "0.5", url=nowhere) as program:
        said, _ = program.communicate(timeout=20)

    assert program.returncode == 1
    [line] = said.splitlines()
    assert line.startswith(
        "kiq-trio: no answer from redis://127.0.0.1:1/0 within 0.5 s: "
    )
