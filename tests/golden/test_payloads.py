"""Payloads of every Sidekiq, and of Kiq, pass through our hands without loss."""

import json
from datetime import UTC, datetime

import attrs
import pytest

from kiq_trio._pipeline.settlement import Circumstances, settle
from kiq_trio._store.settling import Kill, Retry
from kiq_trio.events import Failed
from kiq_trio.job import Job
from tests.golden.corpus import (
    as_shown,
    as_understood,
    assert_lossless,
    foreign,
    read_payloads,
    spell,
)

NOW = 1_795_650_000.0
BOOKKEEPING = (
    "error_message",
    "error_class",
    "error_backtrace",
    "failed_at",
    "retried_at",
    "retry_count",
)
TIMES = ("created_at", "enqueued_at", "failed_at", "retried_at", "unlocks_at")

all_payloads = pytest.mark.parametrize("payload", read_payloads())


@all_payloads
def test_a_payload_of_anybody_is_written_as_it_was_read(payload: str) -> None:
    assert_lossless(payload)


@all_payloads
def test_no_time_to_run_is_stored(payload: str) -> None:
    assert "at" not in json.loads(Job.decode(payload.encode()).encode())


@all_payloads
def test_every_time_is_read_in_its_unit(payload: str) -> None:
    job = Job.decode(payload.encode())

    for at in (job.created_at, job.enqueued_at, job.failed_at, job.unlocks_at):
        if at is not None:
            assert 2013 <= datetime.fromtimestamp(at, UTC).year <= 2026
    numbers = [name for name in TIMES if isinstance(job.rest.get(name), int | float)]
    assert ("created_at" in numbers) == (job.created_at is not None)


@all_payloads
def test_a_failure_changes_nothing_but_its_bookkeeping(payload: str) -> None:
    given = Circumstances(now=NOW, random=lambda: 0.5, retry=True)
    job = Job.decode(payload.encode())
    job = attrs.evolve(job, retry=job.retry or True)
    shown = as_shown(as_understood(json.loads(payload)), 1)
    before = {**shown, "retry": job.retry}

    settlement = settle(job, Failed(ValueError("no"), took=0.1), given)

    if not isinstance(settlement, Retry | Kill):
        assert job.rest["dead"] is False
        return
    after = json.loads(settlement.payload)
    assert after["queue"] == before.get("retry_queue", before["queue"])
    for fields in (before, after):
        fields.pop("queue")
        for name in BOOKKEEPING:
            fields.pop(name, None)
            fields.get("kiq_kept", {}).pop(name, None)
    assert spell(after) == spell(before)
    assert foreign(after) == foreign(before)
