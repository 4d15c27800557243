"""What a doctor finds: whether each thing is well, and what to do if it is not."""

import enum
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs
import trio

from kiq_trio._store.diagnosing import Facts, ping, read_facts
from kiq_trio._wire.client import Redis

_PINGS = 5


class Verdict(enum.StrEnum):
    """How well something is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@attrs.frozen
class Finding:
    """One thing that was looked at.

    Attributes:
        check: what was looked at, in a word or two.
        verdict: how well it is.
        finding: how it is.
        advice: what to do, in a sentence; empty if it is well.
    """

    check: str
    verdict: Verdict
    finding: str
    advice: str = ""


@attrs.frozen(kw_only=True)
class Patient:
    """What is looked at.

    Attributes:
        facts: what Redis says.
        latency: seconds that a PING takes, as a rule.
        skew: seconds that our clock is ahead of that of Redis.
    """

    facts: Facts
    latency: float
    skew: float


def well(check: str, finding: str) -> Finding:
    """Say that there is nothing to do."""
    return Finding(check, Verdict.OK, finding)


def odd(check: str, finding: str, advice: str) -> Finding:
    """Say that something may go wrong, or is going wrong without harm."""
    return Finding(check, Verdict.WARN, finding, advice)


def bad(check: str, finding: str, advice: str) -> Finding:
    """Say that jobs wait or are in danger."""
    return Finding(check, Verdict.FAIL, finding, advice)


async def examine(redis: Redis, *, now: Callable[[], float] = time.time) -> Patient:
    """Look at Redis and at everybody who uses it, changing nothing.

    Raises:
        redis.exceptions.RedisError: Redis does not answer, or may not.
    """
    took = []
    for _ in range(_PINGS):
        began = trio.current_time()
        await ping(redis)
        took.append(trio.current_time() - began)
    before = now()
    facts = await read_facts(redis)
    latency = statistics.median(took)
    # It was asked for its time first of all, which it told half a PING later.
    return Patient(facts=facts, latency=latency, skew=before + latency / 2 - facts.time)


def diagnose(
    patient: Patient, checks: Iterable[Callable[[Patient], Iterator[Finding]]]
) -> list[Finding]:
    """Return what all *checks* find."""
    return [finding for check in checks for finding in check(patient)]


def worst(findings: Sequence[Finding]) -> Verdict:
    """Return the worst verdict there is."""
    found = {finding.verdict for finding in findings}
    return next(v for v in reversed(Verdict) if v in found or v is Verdict.OK)
